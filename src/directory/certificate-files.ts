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
 * The PEM certificates of a PKI directory, current and earlier ones. Other files with such names are ignored.
 *
 * @param isWanted selects files by name
 */
export async function certificateFiles(
  directory: PkiDirectory,
  isWanted: (name: string) => boolean = () => true,
): Promise<readonly CertificateFile[]> {
  const all = (await directory.names()).filter((name) => isCertificateFile(name) || isEarlierCertificate(name))
  const names = all.filter(isWanted)
  const files = await Promise.all(names.map((name) => certificateFile(directory, name).catch(() => null)))
  return files.filter((file) => file !== null)
}

/** Those that can be parsed. */
export async function readableCertificates(
  directory: PkiDirectory,
): Promise<readonly { readonly certificate: Certificate; readonly file: string }[]> {
  return (await certificateFiles(directory)).flatMap(({ name, der }) => readable(der, name))
}

function readable(der: Uint8Array, file: string) {
  try {
    return [{ certificate: readCertificate(der, file), file }]
  } catch {
    return []
  }
}

async function certificateFile(directory: PkiDirectory, name: string): Promise<CertificateFile | null> {
  const pem = await directory.read(name)
  return pem === null ? null : { name, der: decodeOnePem('CERTIFICATE', pem, name) }
}
