import { namedFactory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import type { Machine } from '../../../machine/machine.js'
import { type BackupPkiResult, backupPki, prepareBackupTarget } from '../../../operations/backup/backup-pki.js'
import { type CheckBackupResult, checkBackup } from '../../../operations/backup/check-backup.js'
import type { BackupOpener } from '../../../operations/backup/open.js'
import type { KeyPassphrases } from '../../../operations/backup/root-key.js'
import type { Passphrases, Progress } from '../../../ports.js'
import { shellWord } from '../../../shell-word.js'
import { filePath, resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { embeddedStateDirectory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, progressOn, style } from '../../output.js'
import { passphrasesOf } from '../../passphrase.js'

/** The flags with which a backup is opened. */
export interface OpenFlags extends CommonFlags {
  readonly passphraseFile?: string
  readonly keyPassphraseFile?: string
  readonly recipientKey?: string
}

/** The flags of `ca backup`. */
export interface BackupFlags extends OpenFlags {
  readonly out?: string
  readonly check?: string
  readonly recipient?: readonly string[]
  readonly pkiDir?: string
}

/** `fpki ca backup [directory]` */
export async function backup(directory: string | undefined, flags: BackupFlags, io: Io): Promise<void> {
  const { out, check } = flags
  if (check !== undefined && out === undefined) return prove(check, directory ?? flags.pkiDir ?? null, flags, io)
  if (directory === undefined || out === undefined || check !== undefined) throw halfSaid()
  const path = resolved(directory, io)
  const progress = progressOn(io, flags)
  const machine = thisMachine(io.machine)
  const recipients = (flags.recipient ?? []).map((file) => filePath(file, io))
  const passphrases = passphrasesOf(flags, io, progress, 'backup')
  const withPassphrase = recipients.length === 0 || flags.passphraseFile !== undefined
  const wanted = { out: filePath(out, io), recipients, withPassphrase }
  const target = await prepareBackupTarget({ ...wanted, directory: path }, { ...machine, passphrases })
  const stateDirectory = await embeddedStateDirectory(flags, io, machine)
  const factory = namedFactory(flags, io.env)
  const keyPassphrases = keysOf(passphrases, flags, io, progress)
  const options = { directory: path, factory, stateDirectory, target, keyPassphrases }
  const made = await backupPki(options, { ...machine, progress })
  if (flags.json) printJson(io, made)
  else if (!flags.quiet) io.stdout(summary(made, io))
}

async function prove(file: string, directory: string | null, flags: BackupFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const machine: Machine = thisMachine(io.machine)
  const options = { file: filePath(file, io), directory: directory === null ? null : resolved(directory, io) }
  const checked = await checkBackup(options, { ...machine, progress, opener: openerOf(flags, io, progress) })
  for (const { message, code } of checked.findings) progress.warn(`${message} (${code})`)
  if (flags.json) printJson(io, checked)
  else if (!flags.quiet) io.stdout(proven(checked, io))
  if (checked.result === 'failure') io.outcome.status = EXIT_FOUND.broken
}

/** How a backup is opened: by a passphrase, or by the key of a certificate. */
export function openerOf(flags: OpenFlags, io: Io, progress: Progress): BackupOpener {
  const { recipientKey } = flags
  const keys = keysOf(passphrasesOf(flags, io, progress), flags, io, progress)
  return { ...keys, recipientKey: recipientKey === undefined ? null : filePath(recipientKey, io) }
}

/** How the root key in a backup is opened when it is encrypted; `passphrases`: of the backup. */
function keysOf(passphrases: Passphrases, flags: OpenFlags, io: Io, progress: Progress): KeyPassphrases {
  const { passphraseFile, keyPassphraseFile } = flags
  const { askSecret } = io
  if (passphraseFile === '-' && keyPassphraseFile === '-' && askSecret === null) throw bothOnStdin()
  return {
    passphrases,
    ofKeys: keyPassphraseFile === undefined ? null : passphrasesOf({ passphraseFile: keyPassphraseFile }, io, progress),
    askAnother: askSecret === null ? null : (what) => askSecret(`Passphrase of ${what} (- when it is not known): `),
  }
}

function bothOnStdin(): FpkiError {
  return new FpkiError('ERR_USAGE', 'Both passphrases are to come from stdin.', 'Give one of them in a file.')
}

/** What a new backup holds, and what it does not. */
export function summary(made: BackupPkiResult, io: Io): string {
  const { factory, file, directory, files, size, sha256, embedded, notHeld } = made
  const lines = [
    style(io, 'bold', `Backed up the PKI of the factory ${factory} in ${printable(file)}`, 'stdout'),
    `  ${files} files, ${Math.ceil(size / 1024)} kB, SHA-256 ${sha256}`,
    `  It holds ${printable(directory)}${embedded ? ', and the state of the embedded Factory API' : ''}.`,
    ...notHeld.map((sentence) => `  Not in it: ${printable(sentence)}`),
    '  It was opened again and is the same. Keep it offline, and what opens it elsewhere.',
    '',
    style(io, 'bold', 'Next, and from time to time:', 'stdout'),
    `  fpki ca backup --check ${printable(shellWord(file))} --pki-dir ${printable(shellWord(directory))}`,
    '',
  ]
  return lines.join('\n')
}

function proven(checked: CheckBackupResult, io: Io): string {
  const { file, factory, createdAt, files, rootKeyProven, rootKey, rootFingerprint, result, recordedIn } = checked
  const lines = [
    style(io, 'bold', `${printable(file)} holds the PKI of the factory ${printable(factory)}`, 'stdout'),
    `  made ${createdAt}, ${files} files, all as they were`,
    `  root certificate, SHA-256: ${rootFingerprint}`,
    rootKeyProven
      ? '  The root key in it has signed, and the signature fits factory_ca.pem.'
      : `  The root key is not in it${rootKey === null ? ', and was not proven' : ': it is in a token'}.`,
    ...(result === 'failure' ? ['  But it has the faults above: restored as it is, it would fail `ca verify`.'] : []),
    recordedIn === null
      ? '  The proof was not recorded: --pki-dir DIR does that, for `ca status`.'
      : `  The proof is recorded in ${printable(recordedIn)}.`,
    '',
  ]
  return lines.join('\n')
}

function halfSaid(): FpkiError {
  const hint = 'Give a PKI directory and --out FILE to make a backup, or --check FILE to prove one.'
  return new FpkiError('ERR_USAGE', 'It is not said what to back up, or to check.', hint)
}
