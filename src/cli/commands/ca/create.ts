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
import { type Io, printable, printJson, printText, progressOn, style } from '../../output.js'
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
  const created = await createPki(options, { ...machine, api, progress, signal: io.signal, passphrases, login })
  noteFactory(chosen, progress)
  if (stateDirectory !== null && tlsNames.length === 0)
    progress.note(
      `tls-crt is valid for ${created.tlsNames.join(' and ')}; use --tls-name for other names or IP addresses.`,
    )
  const done = target === null ? null : await backup.make(target, stateDirectory)
  if (flags.json) printJson(io, { ...created, backup: done?.file ?? null })
  else if (!flags.quiet) printText(io, summary(created, stateDirectory, flags, io))
  if (done === null) await backup.offer(stateDirectory)
  if (await hasPlainRootKey(created, machine.files)) progress.note(hsmAdvice(created.directory))
}

/** Certificates contain the name for 20 years, so point out a name that the user did not type. */
function noteFactory({ factory, source }: ChosenFactory, progress: Progress): void {
  if (source === null)
    progress.note(`The factory name ${factory} is that of the directory; use --factory for another name.`)
  else if (isAbsolute(source))
    progress.note(`The factory name ${factory} is from ${source}; use --factory for another name.`)
}

function hsmAdvice(directory: string): string {
  const move = `fpki ca import-root ${shellWord(directory)} --hsm-module MODULE --hsm-token-label LABEL`
  return `factory_ca.key is not encrypted. An HSM is recommended: \`${move}\`. Without an HSM, use --encrypt-keys.`
}

/** The created files, what to back up, and the next command. */
function summary(
  created: CreatePkiResult,
  stateDirectory: string | null,
  { encryptKeys, backup }: CreateFlags,
  io: Io,
): string {
  const { factory, files, resumed } = created
  const directory = printable(created.directory)
  const bold = (text: string) => style(io, 'bold', text, 'stdout')
  const rows = files.map(({ name, meaning, secret }) => `  ${name.padEnd(16)}${meaning}${secret ? '  (secret)' : ''}`)
  const lines = [
    bold(`${resumed ? 'Finished creating' : 'Created'} the PKI of the factory ${factory} in ${directory}`),
    ...rows,
    '',
    ...keysInToken(created),
    ...(backup === undefined ? [] : [bold('Backed up, decrypted and compared:'), `  ${printable(backup)}`, '']),
    bold(
      backup === undefined ? 'Back up now, and store the backup offline:' : 'The backup contains (store it offline):',
    ),
    `  ${directory}`,
    `      ${created.rootKey.kind === 'file' ? 'factory_ca.key is irreplaceable: without it you must re-flash every device.' : 'the certificates, and the location of the root key.'}`,
    ...(encryptKeys ? ['      The passphrase is stored nowhere. Without it, the keys are useless.'] : []),
    ...stateToKeep(stateDirectory, factory),
    '',
    bold('Next:'),
    `  fpki ca show --pretty --factory ${factory}`,
    '',
  ]
  return lines.join('\n')
}

/** A server keeps its own state. */
function stateToKeep(stateDirectory: string | null, factory: string): readonly string[] {
  if (stateDirectory === null) return []
  return [
    `  ${printable(stateDirectory)}/factories/${factory}`,
    '      the embedded Factory API, with the keys of tls-crt and online-ca.',
  ]
}

/** The keys in a token, which a backup does not contain. */
function keysInToken({ rootKey, localCaKey }: CreatePkiResult): readonly string[] {
  if (rootKey.kind === 'file') return []
  const keys = [rootKey, ...(localCaKey?.kind === 'pkcs11' ? [localCaKey] : [])]
  const labels = keys.map((key) => printable(tokenKeyName(key))).join(' and ')
  const { tokenLabel, tokenSerial } = rootKey
  return [
    `  In the token "${printable(tokenLabel)}" (serial ${printable(tokenSerial)}), not extractable: ${labels}`,
    '  If possible, back up the token with the tool of its vendor: without the root key',
    '  you must re-flash every device.',
    '',
  ]
}
