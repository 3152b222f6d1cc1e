import { isAbsolute } from 'node:path'
import { factoryOfDirectory } from '../../../config/settings.js'
import { tokenKeyName } from '../../../keystore/labels.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type CreatePkiOptions,
  type CreatePkiResult,
  checkedTlsNames,
  createPki,
} from '../../../operations/create/create-pki.js'
import { hasPlainRootKey } from '../../../operations/create/created-pki.js'
import type { Progress } from '../../../ports.js'
import { shellWord } from '../../../shell-word.js'
import { absolute } from '../../directory.js'
import { type ChosenFactory, factoryApiFor } from '../../factory.js'
import { keyAccess } from '../../hsm.js'
import { keyPlacesOf } from '../../key-places.js'
import { type Io, printable, printJson, progressOn, style } from '../../output.js'
import { backupPlan } from './create-backup.js'
import type { CreateFlags } from './create-flags.js'

/** `fpki ca create <directory>` */
export async function create(directory: string, flags: CreateFlags, io: Io): Promise<void> {
  const path = absolute(directory, io)
  const progress = progressOn(io, flags)
  const tlsNames = checkedTlsNames(flags.tlsName ?? [])
  const machine = thisMachine(io.machine)
  const otherwise = () => factoryOfDirectory(path)
  const chosen = await factoryApiFor(flags, io, machine, { changes: true, otherwise, tlsNames })
  const { factory, source, api, stateDirectory } = chosen
  const access = await keyAccess(flags, io, progress)
  const { passphrases, login } = access
  const places = keyPlacesOf(flags, access, io, path)
  const backup = backupPlan(path, flags, io, passphrases)
  const target = await backup.prepare()
  const options: CreatePkiOptions = {
    directory: path,
    factory,
    ...(source === null ? {} : { factorySource: source }),
    onlineCa: flags.onlineCa,
    tlsNames,
    ...places,
  }
  const made = await createPki(options, { ...machine, api, progress, signal: io.signal, passphrases, login })
  noteFactory(chosen, progress)
  if (stateDirectory !== null && tlsNames.length === 0)
    progress.note(`tls-crt is for ${made.tlsNames.join(' and ')}; --tls-name gives other names or IP addresses.`)
  const done = target === null ? null : await backup.make(target, stateDirectory)
  if (flags.json) printJson(io, { ...made, backup: done?.file ?? null })
  else if (!flags.quiet) io.stdout(summary(made, stateDirectory, flags, io))
  if (done === null) await backup.offer(stateDirectory)
  if (await hasPlainRootKey(made, machine.files)) progress.note(hsmAdvice(made.directory))
}

/** The name stands in certificates for 20 years: nobody should be surprised by a directory's or a forgotten setting's. */
function noteFactory({ factory, source }: ChosenFactory, progress: Progress): void {
  if (source === null) progress.note(`the factory is named after the directory, ${factory}; --factory names another.`)
  else if (isAbsolute(source)) progress.note(`the factory ${factory} is named by ${source}; --factory names another.`)
}

function hsmAdvice(directory: string): string {
  const move = `fpki ca import-root ${shellWord(directory)} --hsm-module MODULE --hsm-token-label LABEL`
  return `factory_ca.key is not encrypted. An HSM is recommended: \`${move}\` moves the key there. Use --encrypt-keys at least.`
}

/** What was made, what to back up, and what comes next. */
function summary(
  made: CreatePkiResult,
  stateDirectory: string | null,
  { encryptKeys, backup }: CreateFlags,
  io: Io,
): string {
  const { factory, files, resumed } = made
  const directory = printable(made.directory)
  const bold = (text: string) => style(io, 'bold', text, 'stdout')
  const rows = files.map(({ name, meaning, secret }) => `  ${name.padEnd(16)}${meaning}${secret ? '  (secret)' : ''}`)
  const lines = [
    bold(`${resumed ? 'Finished' : 'Made'} the PKI of the factory ${factory} in ${directory}`),
    ...rows,
    '',
    ...keysInToken(made),
    ...(backup === undefined ? [] : [bold('Backed up, opened again and compared:'), `  ${printable(backup)}`, '']),
    bold(backup === undefined ? 'Back up now, and keep offline:' : 'What the backup holds; keep it offline:'),
    `  ${directory}`,
    `      ${made.rootKey.kind === 'file' ? 'factory_ca.key cannot be made again. Without it every device must be re-flashed.' : 'the certificates, and where the root key is.'}`,
    ...(encryptKeys
      ? ['      The passphrase is in no file. Keep it elsewhere: without it the keys are of no use.']
      : []),
    ...stateToKeep(stateDirectory, factory),
    '',
    bold('Next:'),
    `  fpki ca show --pretty --factory ${factory}`,
    '',
  ]
  return lines.join('\n')
}

/** A server keeps its own. */
function stateToKeep(stateDirectory: string | null, factory: string): readonly string[] {
  if (stateDirectory === null) return []
  return [
    `  ${printable(stateDirectory)}/factories/${factory}`,
    '      the embedded Factory API, which holds the keys of tls-crt and online-ca.',
  ]
}

/** The keys that are in no file, and in no backup of files. */
function keysInToken({ rootKey, localCaKey }: CreatePkiResult): readonly string[] {
  if (rootKey.kind === 'file') return []
  const keys = [rootKey, ...(localCaKey?.kind === 'pkcs11' ? [localCaKey] : [])]
  const labels = keys.map((key) => printable(tokenKeyName(key))).join(' and ')
  const { tokenLabel, tokenSerial } = rootKey
  return [
    `  In the token "${printable(tokenLabel)}" (serial ${printable(tokenSerial)}), which it never leaves: the key ${labels}.`,
    '  Back the token up with the tool of its maker, if it has one: without the root key every device must be re-flashed.',
    '',
  ]
}
