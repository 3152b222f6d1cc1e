import { isAbsolute, resolve } from 'node:path'
import { factoryOfDirectory, namedFactory, stateDirectory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { embeddedFactoryOn, thisMachine } from '../../../machine.js'
import { type CreatedPki, createPki, dnsNames } from '../../../operations/create-pki.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, progressOn, style } from '../../output.js'

/** The flags of `ca create`. */
export interface CreateFlags extends CommonFlags {
  readonly onlineCa: boolean
  readonly localCa: boolean
  readonly tlsName?: readonly string[]
}

/** `fpki ca create <directory>` */
export async function create(directory: string, flags: CreateFlags, io: Io): Promise<void> {
  const path = absolute(directory, io)
  const progress = progressOn(io, flags)
  const named = namedFactory(flags, io.env)
  const factory = named ?? factoryOfDirectory(path)
  const tlsNames = dnsNames(flags.tlsName ?? [])
  const machine = thisMachine()
  const where = { stateDirectory: stateDirectory(flags, io.env, io.home), factory, tlsNames }
  const api = embeddedFactoryOn(machine, where, io.signal)
  const { onlineCa, localCa } = flags
  const options = { directory: path, factory, onlineCa, localCa, tlsNames }
  const made = await createPki(options, { ...machine, api, progress, signal: io.signal })
  if (named === null) progress.note(`the factory is named after the directory, ${factory}; --factory names another.`)
  if (tlsNames.length === 0) progress.note(`tls-crt is for ${made.tlsNames.join(' and ')}; --tls-name names a host.`)
  if (flags.json) printJson(io, made)
  else if (!flags.quiet) io.stdout(summary(made, where.stateDirectory, io))
}

function absolute(directory: string, { workingDirectory }: Io): string {
  if (isAbsolute(directory)) return resolve(directory)
  const base = workingDirectory()
  throw new FpkiError(
    'ERR_USAGE',
    `The PKI directory is a relative path: ${JSON.stringify(directory)}.`,
    `Give it as an absolute path${base === null ? '.' : `: ${resolve(base, directory)}`}`,
  )
}

/** What was made, what to back up, and what comes next. */
function summary(made: CreatedPki, stateDirectory: string, io: Io): string {
  const { factory, files, resumed } = made
  const directory = printable(made.directory)
  const bold = (text: string) => style(io, 'bold', text, 'stdout')
  const rows = files.map(({ name, meaning, secret }) => `  ${name.padEnd(16)}${meaning}${secret ? '  (secret)' : ''}`)
  const lines = [
    bold(`${resumed ? 'Finished' : 'Made'} the PKI of the factory ${factory} in ${directory}`),
    ...rows,
    '',
    bold('Back up now, and keep off-line:'),
    `  ${directory}`,
    '      factory_ca.key cannot be made again. Without it every device must be re-flashed.',
    `  ${printable(stateDirectory)}/factories/${factory}`,
    '      the embedded Factory API, which holds the keys of tls-crt and online-ca.',
    '',
    bold('Next:'),
    `  fpki ca show --pretty --factory ${factory}`,
    '',
  ]
  return lines.join('\n')
}
