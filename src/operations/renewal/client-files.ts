import { FpkiError } from '../../errors.js'
import { type Certificate, readPemCertificates } from '../../pki/read-certificate.js'
import type { DurableFiles } from '../../ports.js'
import type { InputFiles } from '../../storage/input-files.js'
import { readAllowList } from '../devices/input/allow-list.js'

/** Far larger than a file of a few CAs. */
const MAX_CA_FILE = 1024 * 1024

/**
 * Reads the CAs whose certificates identify devices that enroll, from PEM files. Throws ERR_USAGE when there is no such file,
 * ERR_BAD_FILE, ERR_BAD_CERTIFICATE when one is not a CA.
 */
export async function readClientCas(
  paths: readonly string[],
  { files }: { readonly files: Pick<DurableFiles, 'read'> },
): Promise<readonly Certificate[]> {
  const all: Certificate[] = []
  for (const path of paths) {
    const pem = await files.read(path, MAX_CA_FILE)
    if (pem === null)
      throw new FpkiError('ERR_USAGE', `No such file: ${path}.`, 'Pass a PEM file with the certificates of CAs.', {
        option: 'clientCas',
      })
    for (const ca of readPemCertificates(pem, path)) all.push(requireCa(ca, path))
  }
  return all
}

function requireCa(certificate: Certificate, path: string): Certificate {
  if (certificate.parsedExtensions.basicConstraints?.ca === true) return certificate
  throw new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${path} has a certificate that is not one of a CA.`,
    'Pass the certificate of the CA that issued the certificates of the devices.',
    { option: 'clientCas' },
  )
}

/**
 * Reads which devices the names in client certificates are: CSV like an allow list, with the columns `serial` (the CN or
 * serialNumber in the subject of the certificate) and `uuid`. Throws ERR_BAD_FILE.
 *
 * @param note called with the columns that are ignored
 */
export async function readClientMap(
  path: string,
  ports: {
    readonly inputFiles: Pick<InputFiles, 'octets'>
    readonly note: (text: string) => void
    readonly signal?: AbortSignal | undefined
  },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const map = new Map<string, readonly string[]>()
  for await (const devices of readAllowList(path, { ...ports, option: 'clientMap' })) {
    for (const { uuid, serialNumber, keyHash } of devices) {
      if (uuid === null || serialNumber === null || keyHash !== null) throw badMap(path)
      map.set(serialNumber, [...(map.get(serialNumber) ?? []), uuid])
    }
  }
  return map
}

function badMap(path: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `Cannot read ${path}: a row does not have a uuid and a serial alone.`,
    'Use CSV with a header and the columns uuid and serial.',
    { option: 'clientMap' },
  )
}
