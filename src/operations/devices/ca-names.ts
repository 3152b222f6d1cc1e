import { certificateFiles } from '../../directory/certificate-files.js'
import { localCaFiles } from '../../directory/local-ca-files.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { shellWord } from '../../shell-word.js'
import { caFingerprint } from './ca-fingerprint.js'

/** The names of device CAs in a PKI directory: files for people, fingerprints for the register. */
export interface CaNames {
  /** The certificate file of a CA; null: it is not in the directory. */
  fileOf(fingerprint: string): string | null
}

/** Reads the names of the device CAs in a directory. Files that cannot be read are left out. */
export async function caNames(directory: PkiDirectory): Promise<CaNames> {
  const files = await certificateFiles(directory)
  const names = new Map(files.map(({ der, name }) => [caFingerprint({ der }), name]))
  return { fileOf: (fingerprint) => names.get(fingerprint) ?? null }
}

/**
 * The fingerprint of a device CA that a user names by its certificate file, with or without `.pem`, or by its fingerprint.
 * The CA may be expired or revoked: its devices are still in the register. Throws ERR_USAGE, ERR_BAD_FILE, ERR_BAD_CERTIFICATE.
 */
export async function fingerprintOfCa(directory: PkiDirectory, name: string): Promise<string> {
  if (/^[0-9a-f]{64}$/i.test(name)) return name.toLowerCase()
  const file = localCaFiles(name).certificate
  const pem = await directory.read(file)
  if (pem !== null) return caFingerprint(readPemCertificate(pem, `${directory.path}/${file}`))
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${directory.path}/${file} does not exist.`,
    `Name a certificate in the directory, or the SHA-256 fingerprint of one; \`fpki lines list ${shellWord(directory.path)}\` shows those of the lines.`,
    { option: 'ca' },
  )
}
