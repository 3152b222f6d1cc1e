import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
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
import { type Io, printable, printJson, printText, progressOn, style } from '../../output.js'
import { passphrasesOf } from '../../passphrase.js'

/** The flags that open a backup. */
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
  readonly devices: boolean
  readonly pkiDir?: string
}

/** `fpki ca backup [directory]` */
export async function backup(directory: string | undefined, flags: BackupFlags, io: Io): Promise<void> {
  const { out, check } = flags
  if (check !== undefined && out === undefined) return checkFile(check, directory ?? flags.pkiDir ?? null, flags, io)
  if (directory === undefined || out === undefined || check !== undefined) throw incomplete(flags, directory)
  const path = resolved(directory, io)
  const progress = progressOn(io, flags)
  const machine = thisMachine(io.machine)
  const recipients = (flags.recipient ?? []).map((file) => filePath(file, io))
  const passphrases = passphrasesOf(flags, io, progress, 'backup')
  const withPassphrase = recipients.length === 0 || flags.passphraseFile !== undefined
  const target = { out: filePath(out, io), recipients, withPassphrase }
  const ready = await prepareBackupTarget({ ...target, directory: path }, { ...machine, passphrases })
  const stateDirectory = await embeddedStateDirectory(flags, io, machine)
  const factory = namedFactory(flags, io.env)
  const keyPassphrases = keysOf(passphrases, flags, io, progress)
  const options = {
    ...{ directory: path, factory, stateDirectory, withDevices: flags.devices, target: ready },
    keyPassphrases,
  }
  const written = await backupPki(options, { ...machine, progress, signal: io.signal })
  if (flags.json) printJson(io, written)
  else if (!flags.quiet) printText(io, summary(written, io, withPassphrase))
}

async function checkFile(file: string, directory: string | null, flags: BackupFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const machine: Machine = thisMachine(io.machine)
  const options = { file: filePath(file, io), directory: directory === null ? null : resolved(directory, io) }
  const checked = await checkBackup(options, { ...machine, progress, opener: openerOf(flags, io, progress) })
  for (const { message, code } of checked.findings) progress.warn(`${message} (${code})`)
  if (flags.json) printJson(io, checked)
  else if (!flags.quiet) printText(io, checkSummary(checked, io))
  if (checked.result === 'failure') io.outcome.status = EXIT_FOUND.broken
}

/** Opens a backup with a passphrase or the private key of a recipient. */
export function openerOf(flags: OpenFlags, io: Io, progress: Progress): BackupOpener {
  const { recipientKey } = flags
  const keys = keysOf(passphrasesOf(flags, io, progress), flags, io, progress)
  return { ...keys, recipientKey: recipientKey === undefined ? null : filePath(recipientKey, io) }
}

/** Decrypts the root key in a backup, if it is encrypted. `passphrases` are those of the backup. */
function keysOf(passphrases: Passphrases, flags: OpenFlags, io: Io, progress: Progress): KeyPassphrases {
  const { passphraseFile, keyPassphraseFile } = flags
  const { askSecret } = io
  if (passphraseFile === '-' && keyPassphraseFile === '-' && askSecret === null) throw bothOnStdin()
  return {
    passphrases,
    ofKeys: keyPassphraseFile === undefined ? null : passphrasesOf({ passphraseFile: keyPassphraseFile }, io, progress),
    askAnother: askSecret === null ? null : (what) => askSecret(`Passphrase for ${what} (- to skip): `),
  }
}

function bothOnStdin(): FpkiError {
  return new FpkiError('ERR_USAGE', 'Cannot read both passphrases from stdin.', 'Pass one of them in a file.')
}

/** What a new backup contains, and what it does not. */
export function summary(backup: BackupPkiResult, io: Io, withPassphrase = true): string {
  const { factory, file, directory, files, size, sha256, embedded, devices, notHeld } = backup
  const check = `fpki ca backup --check ${printable(shellWord(file))} --pki-dir ${printable(shellWord(directory))}`
  const lines = [
    style(io, 'bold', `Backed up the PKI of the factory ${factory} to ${printable(file)}`, 'stdout'),
    `  ${files} files, ${Math.ceil(size / 1024)} kB, SHA-256 ${sha256}`,
    `  Contains ${printable(directory)}${embedded ? ' and the state of the embedded Factory API' : ''}`,
    ...(devices?.included ? [`  Contains the device register: ${counted(devices.certificates, 'certificate')}`] : []),
    ...notHeld.map((sentence) => `  Not included: ${printable(sentence)}`),
    `  Decrypted and compared: identical. Store it offline, apart from ${withPassphrase ? 'its passphrase' : 'the keys of its recipients'}.`,
    '',
    style(io, 'bold', 'Check it now and regularly:', 'stdout'),
    `  ${check}${withPassphrase ? '' : ' --recipient-key KEY'}`,
    '',
  ]
  return lines.join('\n')
}

function checkSummary(checked: CheckBackupResult, io: Io): string {
  const { file, factory, createdAt, files, rootKeyProven, rootKey, rootFingerprint, result, recordedIn } = checked
  const lines = [
    style(io, 'bold', `${printable(file)} contains the PKI of the factory ${printable(factory)}`, 'stdout'),
    `  created ${createdAt}, ${files} files, all intact`,
    `  root certificate, SHA-256: ${rootFingerprint}`,
    rootKeyProven
      ? '  The root key works: it signed a test message, verified with factory_ca.pem.'
      : rootKey === null
        ? '  The backup has no root key, so it was not tested.'
        : '  The backup has no root key: it is in a token.',
    ...(result === 'failure' ? ['  It has the problems listed above: after a restore, `ca verify` would fail.'] : []),
    recordedIn === null
      ? '  Not recorded: pass --pki-dir DIR to record the check for `ca status`.'
      : `  Recorded in ${printable(recordedIn)}`,
    '',
  ]
  return lines.join('\n')
}

function incomplete({ out, check }: BackupFlags, directory: string | undefined): FpkiError {
  const hint = 'Pass a PKI directory and --out FILE to write a backup, or --check FILE to check one.'
  if (out !== undefined && check !== undefined)
    return new FpkiError('ERR_USAGE', '--out and --check are mutually exclusive.', hint)
  const missing = directory === undefined ? 'PKI directory' : 'file for the backup'
  return new FpkiError('ERR_USAGE', `No ${missing} given.`, hint)
}
