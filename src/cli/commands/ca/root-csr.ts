import { factoryOfDirectory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type CreateRootCsrOptions,
  type CreateRootCsrResult,
  createRootCsr,
} from '../../../operations/create/root-csr.js'
import { shellWord } from '../../../shell-word.js'
import { filePath, resolved } from '../../directory.js'
import { factoryApiFor, factoryNames } from '../../factory.js'
import { keyAccess } from '../../hsm.js'
import { type NewRootFlags, newRootOf, requireFileToEncrypt } from '../../key-places.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `ca root-csr`. */
export interface RootCsrFlags extends CommonFlags, NewRootFlags {
  readonly out?: string
}

/** `fpki ca root-csr <directory>` */
export async function makeRootCsr(directory: string, flags: RootCsrFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const isToStdout = flags.out === '-'
  if (isToStdout && flags.json) throw jsonAndStdout()
  const progress = progressOn(io, flags)
  const machine = thisMachine(io.machine)
  const access = await keyAccess(flags, io, progress)
  const { passphrases, login } = access
  const otherwise = () => factoryOfDirectory(path)
  const { factory, source, api } = await factoryNames(flags, io, machine, otherwise)
  const options: CreateRootCsrOptions = {
    directory: path,
    factory,
    api,
    ...(source === null ? {} : { factorySource: source }),
    root: newRootOf(flags, access, io),
    ...(flags.out === undefined || isToStdout ? {} : { out: filePath(flags.out, io) }),
  }
  if (options.root.kind === 'new-token') requireFileToEncrypt({ ...flags, localCa: false })
  const openApi = async () => (await factoryApiFor(flags, io, machine, { changes: false, otherwise })).api
  const created = await createRootCsr(options, { ...machine, progress, signal: io.signal, openApi, passphrases, login })
  if (flags.json) printJson(io, created)
  else if (isToStdout) io.stdout(created.csr)
  else if (!flags.quiet) printText(io, summary(created))
}

function summary({ factory, directory, rootKey, csrFile, subject }: CreateRootCsrResult): string {
  const place = rootKey.kind === 'file' ? `${directory}/${rootKey.name}` : `the token "${rootKey.tokenLabel}"`
  return [
    `Root key of the factory ${factory}: ${printable(place)} (irreplaceable; back it up)`,
    `CSR (${printable(subject)}): ${printable(csrFile)}`,
    '',
    'Next: have the CSR signed as a CA, with pathLen at least 1 or no pathLen, then run',
    `  fpki ca create ${printable(shellWord(directory))} --factory ${factory} --root-cert signed.pem`,
    '',
  ].join('\n')
}

function jsonAndStdout(): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    '--json and --out - are mutually exclusive.',
    'Pass one of them; the JSON document contains the CSR.',
  )
}
