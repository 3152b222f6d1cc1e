import type { PkiDirectory } from '../directory/pki-directory.js'
import { type Certificate, readPemCertificate } from '../pki/read-certificate.js'

/** The names of certificates: fioctl's and ours, and earlier ones that were kept. */
const NAME = /(\.pem|-crt)(\.bak(\.\d+)?)?$/

/** A certificate that lies in a PKI directory. */
export interface CertificateFile {
  readonly name: string
  readonly certificate: Certificate
}

/** The certificates of a PKI directory, by name. Whatever else bears such a name is passed over: other things may lie there. */
export async function certificateFiles(directory: PkiDirectory): Promise<readonly CertificateFile[]> {
  const names = (await directory.names()).filter((name) => NAME.test(name))
  const found = await Promise.all(names.map((name) => certificateFile(directory, name).catch(() => null)))
  return found.filter((file) => file !== null)
}

async function certificateFile(directory: PkiDirectory, name: string): Promise<CertificateFile | null> {
  const pem = await directory.read(name)
  return pem === null ? null : { name, certificate: readPemCertificate(pem, name) }
}
