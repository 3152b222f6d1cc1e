import { FpkiError } from '../../../errors.js'
import { type OpenWork, openWork } from '../../../journal/unfinished.js'
import { thisMachine } from '../../../machine/index.js'
import { CA_ACTIONS, type CaAction } from '../../../operations/device-cas/device-ca-plan.js'
import type { Curve } from '../../../ports.js'
import { resolved } from '../../directory.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { withRecorded } from '../../recorded.js'
import { abandonDirectory } from './abandon.js'
import { addCa } from './add-device-ca.js'
import { changeCas } from './change-device-cas.js'
import { create } from './create.js'
import { makeRootCsr } from './root-csr.js'
import { authorizeEst, rotateTls } from './rotate-tls.js'

/** The flags of `ca resume`. */
export interface ResumeFlags extends CommonFlags, HsmFlags {
  /** The file with the key of an external root; the journal does not record it. */
  readonly rootKey?: string
}

/** `fpki ca resume <directory>` */
export async function resume(directory: string, flags: ResumeFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const open = await openWork(thisMachine(io.machine).files, path)
  if (open === null) {
    progressOn(io, flags).note(`Nothing to resume in ${path}.`)
    if (flags.json) printJson(io, { directory: path, resumed: null })
    return
  }
  const { command } = open.journal
  const run = Object.hasOwn(RUNS, command) ? RUNS[command] : undefined
  if (run === undefined) throw unknownCommand(command, path)
  const recorded = await withRecorded(flags, open, io)
  await run(path, flagsFor({ ...recorded, ...(await moduleFor(flags, open, io)) }, open), open, io)
}

/** The flags of the interrupted command, as recorded in the journal, overridden by those of `ca resume`. */
function flagsFor(flags: ResumeFlags, open: OpenWork) {
  const recorded = open.journal.arguments
  return {
    ...flags,
    ...optional('hsmTokenLabel', flags.hsmTokenLabel ?? recorded['--hsm-token-label']),
    ...optional('hsmTokenSerial', flags.hsmTokenSerial ?? recorded['--hsm-token-serial']),
    ...optional('hsmUri', flags.hsmUri ?? recorded['--hsm-uri']),
    ...optional('rootCert', recorded['--root-cert']),
    ...(recorded['--encrypt-keys'] === 'true' ? { encryptKeys: true as const } : {}),
    ...(recorded['--local-ca-in-hsm'] === 'true' ? { localCaInHsm: true as const } : {}),
    ...(recorded['--key-type'] === undefined ? {} : { keyType: recorded['--key-type'] as Curve }),
    ...(recorded['--tls-name'] ? { tlsName: recorded['--tls-name'].split(' ') } : {}),
  }
}

/** The module that the user selects, else that of the journal. */
async function moduleFor({ hsmModule, hsmUri }: ResumeFlags, open: OpenWork, { env }: Io) {
  const named = hsmModule ?? (env['FPKI_HSM_MODULE'] || undefined)
  if (named !== undefined || hsmUri?.includes('module-')) return optional('hsmModule', named)
  return optional('hsmModule', (await open.module()) ?? undefined)
}

type ResumedFlags = ReturnType<typeof flagsFor>
type Run = (directory: string, flags: ResumedFlags, open: OpenWork, io: Io) => Promise<void>

/** How to resume each command. */
const RUNS: Readonly<Record<string, Run>> = {
  'ca create': (directory, flags, { journal }, io) =>
    create(directory, { ...flags, ...whichCas(journal.arguments) }, io),
  'ca root-csr': (directory, flags, _, io) => makeRootCsr(directory, flags, io),
  'ca rotate-tls': (directory, flags, _, io) => rotateTls(directory, flags, io),
  'est authorize': (directory, flags, _, io) => authorizeEst(directory, flags, io),
  'ca add-device-ca': (directory, flags, { journal }, io) => {
    const localCaFilename = journal.arguments['--local-ca-filename'] || 'local-ca.pem'
    return addCa(directory, { ...flags, ...whichCas(journal.arguments), localCaFilename }, io)
  },
  'ca import-root': async (directory, { rootKey, ...flags }, { journal }, io) => {
    const { importRootKey } = await import('../hsm/index.js')
    const remove = journal.arguments['--remove-key'] === 'true' ? { removeKey: true as const } : {}
    await importRootKey(directory, { ...flags, ...remove }, io)
  },
  'ca abandon': (directory, flags, _, io) => abandonDirectory(directory, flags, io),
  ...Object.fromEntries(
    Object.entries(CA_ACTIONS).map(([action, { command }]) => [command, changesCas(action as CaAction)]),
  ),
}

function changesCas(action: CaAction): Run {
  return (directory, flags, { journal }, io) => {
    const caSerial = (journal.arguments['--ca-serial'] ?? '').split(' ')
    return changeCas(action, directory, { ...flags, caSerial }, io)
  }
}

function whichCas(recorded: OpenWork['journal']['arguments']) {
  return { onlineCa: recorded['--online-ca'] === 'true', localCa: recorded['--local-ca'] === 'true' }
}

function optional<Name extends string>(name: Name, value: string | undefined): { readonly [key in Name]?: string } {
  return value ? ({ [name]: value } as { readonly [key in Name]: string }) : {}
}

function unknownCommand(command: string, path: string): FpkiError {
  return new FpkiError(
    'ERR_UNFINISHED',
    `Cannot resume the \`${command}\` in ${path}: this version of fpki has no such command.`,
    'Resume it with the version of fpki that started it.',
  )
}
