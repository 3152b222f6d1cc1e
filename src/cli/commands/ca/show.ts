import { FpkiError } from '../../../errors.js'
import { factoryOfPki } from '../../../issuance/open-pki.js'
import { thisMachine } from '../../../machine/index.js'
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
import { type Io, printJson } from '../../output.js'
import { pretty, prettyCertificate } from './show-pretty.js'

/** The flags of `ca show`; at most one of them says what is printed, and how. */
export interface ShowFlags extends CommonFlags {
  readonly pretty?: true
  readonly justRoot?: true
  readonly justTls?: true
  readonly justDeviceCas?: true
}

/** `fpki ca show [directory]` */
export async function show(directory: string | undefined, flags: ShowFlags, io: Io): Promise<void> {
  requireOneForm(flags)
  const shown = await knownPki(flags, io, directory)
  if (flags.json) return printJson(io, shown)
  if (flags.pretty) return io.stdout(pretty(shown, io))
  io.stdout(justAsked(flags, shown) ?? allPem(shown))
}

/** `fpki est show [directory]` */
export async function showEst(directory: string | undefined, flags: ShowFlags, io: Io): Promise<void> {
  requireOneForm(flags)
  const { factory, api, estTls } = await knownPki(flags, io, directory)
  if (estTls === null) throw noEst(factory, directory === undefined ? 'DIR' : resolved(directory, io))
  if (flags.json) return printJson(io, { factory, api, estTls } satisfies ShowEstResult)
  io.stdout(flags.pretty ? prettyCertificate(estTls, io) : estTls.pem)
}

/** What the Factory API knows of the factory that is chosen, or of that of a PKI directory. */
export async function knownPki(flags: CommonFlags, io: Io, directory?: string): Promise<ShowPkiResult> {
  const machine = thisMachine(io.machine)
  const { factory, api } =
    directory === undefined
      ? await factoryApiFor(flags, io, machine, { changes: false })
      : await ofDirectory(resolved(directory, io), flags, io)
  return showPki({ factory }, { ...machine, api })
}

async function ofDirectory(path: string, flags: CommonFlags, io: Io) {
  const machine = thisMachine(io.machine)
  const { withApiOf } = await import('../../recorded.js')
  const named = () => factoryOfPki(machine.files, path)
  return factoryApiFor(await withApiOf(path, flags, io), io, machine, { changes: false, ofDirectory: named })
}

function noEst(factory: string, directory: string): FpkiError {
  return new FpkiError(
    'ERR_NOT_INITIALIZED',
    `The factory ${factory} has no EST server certificate.`,
    `Make one with \`fpki est authorize ${shellWord(directory)}\`${directory === 'DIR' ? ', DIR being its PKI directory' : ''}.`,
  )
}

/** --json belongs to every command, so that its conflict with the forms of this one is found here. */
function requireOneForm({ json, ...flags }: ShowFlags): void {
  const forms = {
    pretty: '--pretty',
    justRoot: '--just-root',
    justTls: '--just-tls',
    justDeviceCas: '--just-device-cas',
  }
  const other = Object.entries(forms).find(([name]) => flags[name as keyof typeof forms])
  if (!json || other === undefined) return
  throw new FpkiError('ERR_USAGE', `--json and ${other[1]} exclude each other.`, 'Give one of them.')
}

/** The PEM that a `--just-…` flag asks for and nothing else; null when there is no such flag. */
function justAsked(flags: ShowFlags, { factory, root, tls, deviceCas }: ShowPkiResult): string | null {
  if (flags.justRoot) return root.pem
  if (flags.justTls) return pemOf(tls === null ? [] : [tls], factory, 'no server certificate')
  if (flags.justDeviceCas) return pemOf(deviceCas, factory, 'no device CA')
  return null
}

/** Nothing at all would be written to somebody's file as if it were an answer. */
function pemOf(certificates: readonly ShownCertificate[], factory: string, nothing: string): string {
  if (certificates.length > 0) return certificates.map(({ pem }) => pem).join('')
  throw new FpkiError(
    'ERR_NOT_INITIALIZED',
    `The factory ${factory} has ${nothing}.`,
    `See what there is with \`fpki ca show --pretty --factory ${factory}\`.`,
  )
}

/** Everything as PEM, with a line before each part; PEM readers skip such lines (RFC 7468, section 2). */
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
