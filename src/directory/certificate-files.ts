import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import { decodeOnePem } from '../pki/pem.js'
import { type Certificate, readCertificate } from '../pki/read-certificate.js'
import { isCertificateFile, isEarlierCertificate } from './names.js'
import type { PkiDirectory } from './pki-directory.js'

/** A certificate file of a PKI directory. */
export interface CertificateFile {
  readonly name: string
  /** Not parsed yet. */
  readonly der: Uint8Array
}

/**
 * The PEM certificates of a PKI directory, current and earlier ones. Other files and folders with such names are ignored.
 *
 * @param isWanted selects files by name
 * @throws FpkiError ERR_STORAGE when a file cannot be read: it may be a certificate all the same
 */
export async function certificateFiles(
  directory: PkiDirectory,
  isWanted: (name: string) => boolean = () => true,
): Promise<readonly CertificateFile[]> {
  const all = (await directory.names()).filter((name) => isCertificateFile(name) || isEarlierCertificate(name))
  const names = all.filter(isWanted)
  const files = await Promise.all(names.map((name) => certificateFile(directory, name)))
  return files.filter((file) => file !== null)
}

/** Those that can be parsed. Throws as {@link certificateFiles}. */
export async function readableCertificates(
  directory: PkiDirectory,
  isWanted?: (name: string) => boolean,
): Promise<readonly { readonly certificate: Certificate; readonly file: string }[]> {
  return (await certificateFiles(directory, isWanted)).flatMap(({ name, der }) => readable(der, name))
}

function readable(der: Uint8Array, file: string) {
  try {
    return [{ certificate: readCertificate(der, file), file }]
  } catch (error) {
    if (isOtherContent(error)) return []
    throw error
  }
}

async function certificateFile(directory: PkiDirectory, name: string): Promise<CertificateFile | null> {
  try {
    const pem = await directory.read(name)
    return pem === null ? null : { name, der: decodeOnePem('CERTIFICATE', pem, name) }
  } catch (error) {
    if (isOtherContent(error) || (await directory.files.kindOf(join(directory.path, name))) === 'directory') return null
    throw error
  }
}

/** Whether a file was read, and is no certificate. */
function isOtherContent(error: unknown): boolean {
  return error instanceof FpkiError && ['ERR_BAD_FILE', 'ERR_BAD_CERTIFICATE'].includes(error.code)
}
