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
import { type Io, printable, printJson, progressOn } from '../../output.js'

/** The flags of `ca root-csr`. */
export interface RootCsrFlags extends CommonFlags, NewRootFlags {
  readonly out?: string
}

/** `fpki ca root-csr <directory>` */
export async function makeRootCsr(directory: string, flags: RootCsrFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const isToStdout = flags.out === '-'
  if (isToStdout && flags.json) throw twoForms()
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
  const made = await createRootCsr(options, { ...machine, progress, signal: io.signal, openApi, passphrases, login })
  if (flags.json) printJson(io, made)
  else if (isToStdout) io.stdout(made.csr)
  else if (!flags.quiet) io.stdout(summary(made))
}

function summary({ factory, directory, rootKey, csrFile, subject }: CreateRootCsrResult): string {
  const place = rootKey.kind === 'file' ? `${directory}/${rootKey.name}` : `the token "${rootKey.tokenLabel}"`
  return [
    `The root key of the factory ${factory} is in ${printable(place)}. Back it up: it cannot be made again.`,
    `The request for its certificate (${printable(subject)}) is ${printable(csrFile)}`,
    '',
    'Next: have it signed as a CA, with a path length of 1 or more or none, then',
    `  fpki ca create ${printable(shellWord(directory))} --factory ${factory} --root-cert signed.pem`,
    '',
  ].join('\n')
}

function twoForms(): FpkiError {
  return new FpkiError('ERR_USAGE', '--json and --out - exclude each other.', 'Give one; the document has the request.')
}
