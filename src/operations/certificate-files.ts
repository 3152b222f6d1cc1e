import type { PkiDirectory } from '../directory/pki-directory.js'
import { decodeOnePem } from '../pki/pem.js'

/** The names of certificates: fioctl's and ours, and earlier ones that were kept. */
const NAME = /(\.pem|-crt)(\.bak(\.\d+)?)?$/

/** What lies as a certificate in a PKI directory. */
export interface CertificateFile {
  readonly name: string
  /** Not looked at yet. */
  readonly der: Uint8Array
}

/** The PEM certificates of a PKI directory. Whatever else bears such a name is passed over: other things may lie there. */
export async function certificateFiles(directory: PkiDirectory): Promise<readonly CertificateFile[]> {
  const names = (await directory.names()).filter((name) => NAME.test(name))
  const found = await Promise.all(names.map((name) => certificateFile(directory, name).catch(() => null)))
  return found.filter((file) => file !== null)
}

async function certificateFile(directory: PkiDirectory, name: string): Promise<CertificateFile | null> {
  const pem = await directory.read(name)
  return pem === null ? null : { name, der: decodeOnePem('CERTIFICATE', pem, name) }
}
