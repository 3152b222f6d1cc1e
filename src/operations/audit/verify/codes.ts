import { OLDER_HINT } from '../../devices/register-age.js'

/** The status of a finding, and what to do about it. */
export interface CodeMeaning {
  readonly status: 'notice' | 'warning' | 'failure'
  /** The problem, for docs/verify.md. */
  readonly means: string
  /** `ca verify` replaces `DIR` and `FACTORY` with the PKI directory and its factory. */
  readonly hint: string
}

const BACKUP = 'Restore the file from a backup.'
const AGAIN = 'Recreate it with the command that created it, or restore it from a backup.'
const NO_ACTION = 'No action needed: the next certificate that fpki issues follows the profile.'

/** All codes of `ca verify`, except those of groups that pass, which are the first part of the code alone: `files`. */
export const CODES = {
  'files.missing': { status: 'failure', means: 'a required file is missing', hint: BACKUP },
  'files.unreadable': {
    status: 'failure',
    means: 'a file cannot be read: no permission, too large, not a regular file, or a dangling link',
    hint: 'Check what is there, and restore the file from a backup.',
  },
  'files.stray-key': {
    status: 'warning',
    means: 'a key file has no certificate',
    hint: 'Rerun the command that created the key, or move the file away.',
  },
  'files.own': { status: 'failure', means: 'a file of fpki in `.fpki/` is damaged', hint: BACKUP },
  'pem.broken': {
    status: 'failure',
    means: 'a file does not contain exactly one PEM block of the expected type, or its certificate is malformed',
    hint: BACKUP,
  },
  'modes.writable': {
    status: 'failure',
    means: 'other users can modify the directory or replace files in it',
    hint: 'Restrict it to yourself (chown, chmod 0700).',
  },
  'modes.foreign': {
    status: 'failure',
    means: 'the directory or a record in `.fpki/` belongs to another user, or other users can write to it',
    hint: 'fpki does not act on what is recorded there: it loads no PKCS#11 module, uses no passphrase and sends no request to the Factory API. Pass --hsm-module and --factory for what you trust, or check the directory and take ownership of it.',
  },
  'modes.above': {
    status: 'warning',
    means: 'another user can rename a parent directory and put another one in its place',
    hint: 'Restrict that directory, or move the PKI below one of your own.',
  },
  'modes.directory': {
    status: 'warning',
    means: 'other users can access the directory or `.fpki/`',
    hint: 'Set its mode with chmod 0700.',
  },
  'modes.key': {
    status: 'failure',
    means: 'other users can read or modify a key',
    hint: 'Set its mode with chmod 0400.',
  },
  'modes.file': { status: 'warning', means: 'the mode of a file is not 0400', hint: 'Set its mode with chmod 0400.' },
  'keys.broken': { status: 'failure', means: 'a key is malformed or of an unsupported type', hint: BACKUP },
  'keys.mismatch': { status: 'failure', means: 'a key does not match its certificate', hint: BACKUP },
  'keys.shared': {
    status: 'failure',
    means: 'two certificates have the same key',
    hint: 'Replace the newer of the two certificates.',
  },
  'keys.encrypted': {
    status: 'warning',
    means: 'a key is encrypted and was not checked against its certificate',
    hint: 'Pass its passphrase with --passphrase-file FILE or FPKI_PASSPHRASE.',
  },
  'chain.root': {
    status: 'failure',
    means: 'the root certificate is missing, unreadable or not signed by its own key',
    hint: BACKUP,
  },
  'chain.invalid': {
    status: 'failure',
    means: 'a certificate has no valid path to the root (RFC 5280, 6.1)',
    hint: AGAIN,
  },
  'profile.factory': { status: 'failure', means: 'a certificate belongs to another factory', hint: AGAIN },
  'profile.broken': { status: 'failure', means: 'a certificate violates the profile of its role', hint: AGAIN },
  'profile.differs': {
    status: 'warning',
    means:
      'a certificate deviates from its profile in a way that works, such as those issued by fioctl and roots from elsewhere',
    hint: NO_ACTION,
  },
  'profile.key-id': {
    status: 'warning',
    means:
      "a device CA's subjectKeyIdentifier is not the SHA-1 of its key, so OpenSSL and nginx reject devices whose " +
      'certificates were issued with the identifier computed from that key, as registration services do',
    hint:
      'Register devices with a tool that copies the identifier from the certificate, or add a local CA: ' +
      '`fpki ca add-device-ca DIR --local-ca --local-ca-filename NAME.pem`.',
  },
  'serials.broken': { status: 'failure', means: 'a serial number is not positive', hint: AGAIN },
  'serials.long': {
    status: 'warning',
    means: 'a serial number is longer than the 20 octets of RFC 5280',
    hint: NO_ACTION,
  },
  'serials.short': { status: 'warning', means: 'a serial number is too short to be random', hint: NO_ACTION },
  'serials.twice': { status: 'failure', means: 'two certificates have the same serial number', hint: AGAIN },
  'expiry.expired': { status: 'failure', means: 'a certificate has expired', hint: 'Replace the certificate.' },
  'expiry.soon': {
    status: 'warning',
    means: 'a certificate expires soon',
    hint: 'Replace the certificate before it expires.',
  },
  'expiry.not-yet': {
    status: 'failure',
    means: 'a certificate is not valid yet',
    hint: 'Set the clock of this machine. If it is right, the certificate was issued with a wrong clock: replace it.',
  },
  'api.unreachable': {
    status: 'failure',
    means: 'the request to the Factory API failed, or its response has malformed certificates',
    hint: 'Fix this, or skip the Factory API with --offline.',
  },
  'api.not-initialized': {
    status: 'failure',
    means: 'the Factory API has no PKI for this factory',
    hint: 'Check --factory and --api, or skip the Factory API with --offline.',
  },
  'api.root': {
    status: 'failure',
    means: 'the root certificate in the Factory API is a different one',
    hint: 'Pass a directory and a factory that belong together.',
  },
  'api.earlier-root': {
    status: 'notice',
    means: 'the Factory API has the certificate that the root had before it was renewed',
    hint: 'No action needed: chains verify with either. Foundries sets a root once.',
  },
  'api.tls': {
    status: 'failure',
    means: 'a server certificate in the Factory API is a different one',
    hint: 'If the change was authorized, replace the file with the output of `fpki ca show DIR --just-tls`.',
  },
  'api.no-file': {
    status: 'failure',
    means: 'the Factory API accepts devices of a CA that has no file here',
    hint: 'If the CA is unknown, revoke it. Otherwise, save its certificate here, from `fpki ca show DIR --just-device-cas`.',
  },
  'api.unknown-ca': {
    status: 'failure',
    means: 'the Factory API does not accept devices of a CA that has a file here',
    hint: 'If the CA was revoked, move its file away. Otherwise, upload the complete list with `fpki ca update FILE --factory FACTORY`.',
  },
  'api.revoked': {
    status: 'warning',
    means: 'a device CA that has a file here was revoked',
    hint: 'Move its file away when it is no longer needed.',
  },
  'api.not-revoked': {
    status: 'failure',
    means: 'the Factory API accepts devices of a CA that was revoked',
    hint: 'Revoke it again.',
  },
  'api.disabled': {
    status: 'warning',
    means: 'a device CA is disabled, so the gateway rejects its devices',
    hint: 'Enable the CA, or revoke it.',
  },
  'root-key.unusable': {
    status: 'failure',
    means: 'the root key is not available: no key, no PIN or no token',
    hint: 'Provide what is missing, or skip the root key with --skip-root-key.',
  },
  'root-key.mismatch': {
    status: 'failure',
    means: 'the root key does not match factory_ca.pem',
    hint: 'Select the right token or key, or restore the file from a backup.',
  },
  'root-key.skipped': {
    status: 'warning',
    means: 'the root key was not checked, because of --skip-root-key',
    hint: 'Check it from time to time where it is stored.',
  },
  'root-key.plain': {
    status: 'notice',
    means: 'the root key file is not encrypted',
    hint:
      'An HSM is recommended; to move the key there: `fpki ca import-root DIR --hsm-module MODULE --hsm-token-label LABEL`. ' +
      'At least encrypt the file, as `ca create` does with --encrypt-keys.',
  },
  'kit.changed': {
    status: 'failure',
    means: 'a file of a kit is not the one that it was exported with',
    hint: 'Export the kit again, or restore the file.',
  },
  'kit.root-key': {
    status: 'failure',
    means: 'a kit has the root key, which belongs in no plant',
    hint: 'Remove the file from the kit. If others had access to it, consider the root key compromised.',
  },
  'devices.unreadable': {
    status: 'failure',
    means: 'the device register cannot be opened',
    hint: BACKUP,
  },
  'devices.damaged': {
    status: 'failure',
    means: 'the device register is damaged',
    hint: 'Check the disk (dmesg), then restore the newest backup.',
  },
  'devices.missing': {
    status: 'failure',
    means: 'the device register is missing; the audit log mentions one',
    hint: OLDER_HINT,
  },
  'devices.other': {
    status: 'failure',
    means: 'the device register is not the one that the audit log mentions',
    hint: OLDER_HINT,
  },
  'devices.older': {
    status: 'failure',
    means: 'the device register is older than the audit log: certificates that were issued are missing in it',
    hint: OLDER_HINT,
  },
  'devices.certificate': {
    status: 'failure',
    means:
      'the device register has a certificate that no device CA of this directory has signed (a random sample is checked)',
    hint: 'If the certificate of a device CA was removed, put it back. Otherwise restore the newest backup.',
  },
  'devices.expiring': {
    status: 'notice',
    means: 'certificates of devices expire soon, unless the devices have renewed them',
    hint: 'Check that the devices reach the EST server, where they renew their certificates.',
  },
  'backup.none': {
    status: 'warning',
    means: 'no backup is recorded; fpki does not know of copies made by other means',
    hint: 'Create one with `fpki ca backup DIR --out FILE`.',
  },
  'backup.outdated': {
    status: 'warning',
    means: 'the PKI has changed since its newest backup',
    hint: 'Create a new one with `fpki ca backup DIR --out FILE`.',
  },
  'leftovers.unfinished': {
    status: 'failure',
    means: 'a command was interrupted and has not been resumed',
    hint: 'Finish it with `fpki ca resume DIR`.',
  },
  'leftovers.locked': {
    status: 'warning',
    means: 'another fpki process is changing the directory, so findings may be transient',
    hint: 'Wait for it to finish, then verify again.',
  },
  'leftovers.pending': {
    status: 'warning',
    means: 'a new file is waiting for the Factory API to accept it',
    hint: 'Rerun the command that created it.',
  },
  'leftovers.files': {
    status: 'warning',
    means: 'an interrupted write left a temporary file, which is not used',
    hint: 'The next command that changes the PKI removes it.',
  },
} as const satisfies Readonly<Record<string, CodeMeaning>>

/** One of {@link CODES}. */
export type FindingCode = keyof typeof CODES
