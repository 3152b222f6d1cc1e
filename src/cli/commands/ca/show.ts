import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import { factoryOfPki, notInApi, openPki, requireSameRoot } from '../../../operations/open-pki.js'
import {
  type ShowEstResult,
  type ShownCertificate,
  type ShowPkiResult,
  showPki,
} from '../../../operations/show/show-pki.js'
import { shellWord } from '../../../shell-word.js'
import { resolved } from '../../directory.js'
import { factoryApiFor } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, printText } from '../../output.js'
import { pretty, prettyCertificate, short } from './show-pretty.js'

/** The flags of `ca show`; the forms are mutually exclusive. */
export interface ShowFlags extends CommonFlags {
  readonly pretty?: true
  readonly short?: true
  readonly justRoot?: true
  readonly justTls?: true
  readonly justDeviceCas?: true
  readonly svg?: string
  readonly mermaid?: string
}

/** `fpki ca show [directory]` */
export async function show(directory: string | undefined, flags: ShowFlags, io: Io): Promise<void> {
  requireOneForm(flags)
  const shown = await readPki(flags, io, directory)
  if (flags.json) return printJson(io, shown)
  if (flags.pretty) return printText(io, pretty(shown, io))
  if (flags.short) return printText(io, short(shown, io))
  if (flags.svg !== undefined || flags.mermaid !== undefined) {
    const { showPicture } = await import('./show-picture.js')
    return showPicture({ shown, directory: directory === undefined ? null : resolved(directory, io) }, flags, io)
  }
  io.stdout(selectedPem(flags, shown) ?? allPem(shown))
}

/** `fpki est show [directory]` */
export async function showEst(directory: string | undefined, flags: ShowFlags, io: Io): Promise<void> {
  requireOneForm(flags)
  const { factory, api, estTls } = await readPki(flags, io, directory)
  if (estTls === null) throw noEst(factory, directory === undefined ? 'DIR' : resolved(directory, io))
  if (flags.json) return printJson(io, { factory, api, estTls } satisfies ShowEstResult)
  if (flags.pretty) printText(io, prettyCertificate(estTls, io))
  else io.stdout(estTls.pem)
}

/**
 * Reads the PKI of the selected factory, or of that of a PKI directory, from the Factory API. Throws ERR_OTHER_ROOT when the
 * directory has another root: it would show certificates of another PKI.
 */
export async function readPki(flags: CommonFlags, io: Io, directory?: string): Promise<ShowPkiResult> {
  const machine = thisMachine(io.machine)
  const { factory, api } =
    directory === undefined
      ? await factoryApiFor(flags, io, machine, { changes: false })
      : await ofDirectory(resolved(directory, io), flags, io)
  const ports = { ...machine, api }
  if (directory === undefined) return showPki({ factory }, ports)
  const pki = await openPki(machine.files, resolved(directory, io), factory)
  const shown = await showPki({ factory, directory: pki.directory }, ports).catch((error: unknown) => {
    // Not the advice to create a PKI: the directory has one.
    throw error instanceof FpkiError && error.code === 'ERR_NOT_INITIALIZED' ? notInApi(api, pki) : error
  })
  requireSameRoot(shown.root.pem, pki)
  return shown
}

async function ofDirectory(path: string, flags: CommonFlags, io: Io) {
  const machine = thisMachine(io.machine)
  const { withApiOf } = await import('../../recorded.js')
  const recordedFactory = () => factoryOfPki(machine.files, path)
  return factoryApiFor(await withApiOf(path, flags, io), io, machine, { changes: false, ofDirectory: recordedFactory })
}

function noEst(factory: string, directory: string): FpkiError {
  return new FpkiError(
    'ERR_NOT_INITIALIZED',
    `The factory ${factory} has no EST server certificate.`,
    `To issue one${directory === 'DIR' ? ', with its PKI directory DIR' : ''}: \`fpki est authorize ${shellWord(directory)}\``,
  )
}

/** --json is a global option, so its conflicts with the options of this command are checked here. */
function requireOneForm({ json, ...flags }: ShowFlags): void {
  const forms = {
    pretty: '--pretty',
    short: '--short',
    justRoot: '--just-root',
    justTls: '--just-tls',
    justDeviceCas: '--just-device-cas',
    svg: '--svg',
    mermaid: '--mermaid',
  }
  const other = Object.entries(forms).find(([name]) => flags[name as keyof typeof forms])
  if (!json || other === undefined) return
  throw new FpkiError('ERR_USAGE', `--json and ${other[1]} are mutually exclusive.`, 'Pass one of them.')
}

/** The PEM that a `--just-…` flag selects; null without such a flag. */
function selectedPem(flags: ShowFlags, { factory, root, tls, deviceCas }: ShowPkiResult): string | null {
  if (flags.justRoot) return root.pem
  if (flags.justTls) return pemOf(tls === null ? [] : [tls], factory, 'no server certificate')
  if (flags.justDeviceCas) return pemOf(deviceCas, factory, 'no device CAs')
  return null
}

/** Throws ERR_NOT_INITIALIZED if there are no certificates, rather than print an empty file. */
function pemOf(certificates: readonly ShownCertificate[], factory: string, nothing: string): string {
  if (certificates.length > 0) return certificates.map(({ pem }) => pem).join('')
  throw new FpkiError(
    'ERR_NOT_INITIALIZED',
    `The factory ${factory} has ${nothing}.`,
    `To list its certificates: \`fpki ca show --pretty --factory ${factory}\``,
  )
}

/** All certificates as PEM, with a heading before each part, which PEM parsers ignore (RFC 7468, section 2). */
function allPem({ root, tls, estTls, deviceCas, disabledCaSerials }: ShowPkiResult): string {
  const part = (title: string, certificates: readonly (ShownCertificate | null)[]) => {
    const pem = certificates.flatMap((certificate) => (certificate === null ? [] : [certificate.pem])).join('')
    return pem === '' ? '' : `## ${title}\n${pem}\n`
  }
  const disabled = disabledCaSerials.map((serial) => ` - ${serial}\n`).join('')
  const parts = [
    part('Factory root certificate', [root]),
    part('Server TLS certificate', [tls]),
    part('EST server TLS certificate', [estTls]),
    part('Device authentication certificates', deviceCas),
    disabled === '' ? '' : `## Serials of disabled device CAs\n${disabled}\n`,
  ]
  return parts.join('').replace(/\n\n$/, '\n')
}
