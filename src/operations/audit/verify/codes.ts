/** How much a finding weighs, and what to do about it. */
export interface CodeMeaning {
  readonly status: 'notice' | 'warning' | 'failure'
  /** For docs/verify.md: what was found. */
  readonly means: string
  /** `ca verify` prints the PKI directory and its factory in place of `DIR` and `FACTORY`. */
  readonly hint: string
}

const BACKUP = 'Put the right file back from a backup.'
const AGAIN = 'Make it again with the command that made it, or put the right one back from a backup.'

/** Every code of `ca verify` but those of groups that hold, which have the first part of the code alone: `files`. */
export const CODES = {
  'files.missing': { status: 'failure', means: 'a file is missing', hint: BACKUP },
  'files.unreadable': {
    status: 'failure',
    means: 'a file cannot be read: no permission, too large, a pipe, a link that leads nowhere',
    hint: 'Look at what is there, and put the right file back from a backup.',
  },
  'files.stray-key': {
    status: 'warning',
    means: 'a key has no certificate',
    hint: 'Run the command that made it again, or move the key away.',
  },
  'files.own': {
    status: 'failure',
    means: "fpki's own files in `.fpki/` are broken",
    hint: 'Put them back from a backup.',
  },
  'pem.broken': {
    status: 'failure',
    means: 'a file does not hold one PEM block of the right kind, or the certificate in it is broken',
    hint: BACKUP,
  },
  'modes.writable': {
    status: 'failure',
    means: 'others can change what is in the directory, or put another in its place',
    hint: 'Make it yours alone (chown, chmod 0700).',
  },
  'modes.foreign': {
    status: 'failure',
    means: 'the directory or a record in `.fpki/` belongs to another user, or others can write it',
    hint: 'Nothing recorded there is acted on: no PKCS#11 module, no passphrase, no request to the Factory API. Name what you trust with --hsm-module and --factory, or check the directory and make it yours.',
  },
  'modes.above': {
    status: 'warning',
    means: 'somebody else can rename a folder above the directory, and put another one in its place',
    hint: 'Close that folder, or keep the PKI below one that is yours.',
  },
  'modes.directory': {
    status: 'warning',
    means: 'the directory or `.fpki/` is open to others',
    hint: 'Close it with chmod 0700.',
  },
  'modes.key': { status: 'failure', means: 'others can read or change a key', hint: 'Close it with chmod 0400.' },
  'modes.file': { status: 'warning', means: 'the mode of a file is not 0400', hint: 'Give it mode 0400.' },
  'keys.broken': { status: 'failure', means: 'a key is broken, or of an unsupported kind', hint: BACKUP },
  'keys.mismatch': { status: 'failure', means: 'a key is not that of its certificate', hint: BACKUP },
  'keys.shared': {
    status: 'failure',
    means: 'two certificates have one key',
    hint: 'Replace the one that is not the older of the two.',
  },
  'keys.encrypted': {
    status: 'warning',
    means: 'a key is encrypted, so that it was not held against its certificate',
    hint: 'Give its passphrase with --passphrase-file FILE or FPKI_PASSPHRASE.',
  },
  'chain.root': {
    status: 'failure',
    means: 'there is no root certificate that can be read, or it has not signed itself',
    hint: BACKUP,
  },
  'chain.invalid': {
    status: 'failure',
    means: 'there is no valid path from a certificate to the root (RFC 5280, 6.1)',
    hint: AGAIN,
  },
  'profile.factory': { status: 'failure', means: 'a certificate is of another factory', hint: AGAIN },
  'profile.broken': { status: 'failure', means: 'a certificate is not what its role asks for', hint: AGAIN },
  'profile.differs': {
    status: 'warning',
    means:
      'a certificate differs from its profile in a way that works, such as those that fioctl makes, and roots from elsewhere',
    hint: 'Nothing has to be done: the next one that fpki makes is as the profile has it.',
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
    means: 'a serial number takes more than the 20 octets of RFC 5280',
    hint: 'The next certificate that fpki makes has it right.',
  },
  'serials.short': {
    status: 'warning',
    means: 'a serial number is too short to be random',
    hint: 'The next certificate that fpki makes has it right.',
  },
  'serials.twice': { status: 'failure', means: 'two certificates have one serial number', hint: AGAIN },
  'expiry.expired': { status: 'failure', means: 'a certificate has expired', hint: 'Make a new one.' },
  'expiry.soon': { status: 'warning', means: 'a certificate expires soon', hint: 'Make a new one before it does.' },
  'expiry.not-yet': {
    status: 'failure',
    means: 'a certificate is not valid yet',
    hint: 'Set the clock of this machine. Nothing is wrong with the certificate, unless the clock is right.',
  },
  'api.unreachable': {
    status: 'failure',
    means: 'the Factory API did not answer, or not with certificates',
    hint: 'Mend that, or leave the Factory API out with --offline.',
  },
  'api.not-initialized': {
    status: 'failure',
    means: 'the Factory API has no PKI for this factory',
    hint: 'Name the factory with --factory and the API with --api, or leave it out with --offline.',
  },
  'api.root': {
    status: 'failure',
    means: 'the Factory API has another root',
    hint: 'Name the directory and the factory that belong together.',
  },
  'api.tls': {
    status: 'failure',
    means: 'the Factory API has another server certificate',
    hint: 'Take its one from `fpki ca show DIR --just-tls`, if nobody else has put it there.',
  },
  'api.no-file': {
    status: 'failure',
    means: 'the Factory API accepts devices of a CA that has no file here',
    hint: 'Revoke it if nobody knows it; else put its file here, from `fpki ca show DIR --just-device-cas`.',
  },
  'api.unknown-ca': {
    status: 'failure',
    means: 'the Factory API does not accept devices of a CA that has a file here',
    hint: 'If it was revoked, move its file away; else put the whole list in place with `fpki ca update FILE --factory FACTORY`.',
  },
  'api.revoked': {
    status: 'warning',
    means: 'a device CA that has a file here was revoked',
    hint: 'Move its file away when nobody needs it any more.',
  },
  'api.disabled': {
    status: 'warning',
    means: 'a device CA is disabled: the gateway refuses its devices',
    hint: 'Enable or revoke it when you know which.',
  },
  'root-key.unusable': {
    status: 'failure',
    means: 'the root key cannot be used: no key, no PIN, no token',
    hint: 'Give what is missing, or leave the root key out with --skip-root-key.',
  },
  'root-key.mismatch': {
    status: 'failure',
    means: 'what the root key signs is not a signature of factory_ca.pem',
    hint: 'Name the right token or key, or put the right file back from a backup.',
  },
  'root-key.skipped': {
    status: 'warning',
    means: 'the root key was left out, as --skip-root-key says',
    hint: 'Check it from time to time where it is kept.',
  },
  'root-key.plain': {
    status: 'notice',
    means: 'the root key is in a file that is not encrypted',
    hint:
      'An HSM is recommended: `fpki ca import-root DIR --hsm-module MODULE --hsm-token-label LABEL` moves the key there. ' +
      'At least encrypt it; `ca create` does with --encrypt-keys.',
  },
  'backup.none': {
    status: 'warning',
    means: 'no backup is known; copies that fpki has not made are not',
    hint: 'Make one with `fpki ca backup DIR --out FILE`.',
  },
  'backup.outdated': {
    status: 'warning',
    means: 'the PKI was changed since its newest backup',
    hint: 'Make another one with `fpki ca backup DIR --out FILE`.',
  },
  'leftovers.unfinished': {
    status: 'failure',
    means: 'a command was interrupted and has not been brought to its end',
    hint: 'Run the same command again.',
  },
  'leftovers.locked': {
    status: 'warning',
    means: 'another fpki is at work there, so that this is a picture of something in motion',
    hint: 'Wait until it has ended, and verify again.',
  },
  'leftovers.pending': {
    status: 'warning',
    means: 'something was made that the Factory API has not taken',
    hint: 'Run the command that made it again.',
  },
  'leftovers.files': {
    status: 'warning',
    means: 'an interrupted write left something; nothing uses it',
    hint: 'The next command that changes something clears it away.',
  },
} as const satisfies Readonly<Record<string, CodeMeaning>>

/** One of {@link CODES}. */
export type FindingCode = keyof typeof CODES
