import { isAbsolute } from 'node:path'
import { FpkiError } from '../../errors.js'
import { sameKey } from '../../pki/public-key.js'
import { isIssuedBy, readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import type { OpenPki } from '../open-pki.js'

/** Far more than the size of a certificate. */
const MAX_BYTES = 64 * 1024

/** Device CAs as the user specifies them. */
export interface CaWords {
  /** File names in the PKI directory, with or without `.pem`, or absolute paths (docs/profile.md#ca-words). */
  readonly caFiles: readonly string[]
  /** Decimal, `0x…`, or colon-separated hex. */
  readonly caSerials: readonly string[]
}

/**
 * The serial numbers of the specified CAs, without duplicates, in ascending order.
 *
 * @throws FpkiError ERR_USAGE when none is specified, or a name or number is invalid; ERR_BAD_FILE and ERR_BAD_CERTIFICATE
 *   when a file is missing, malformed, or not of this PKI
 */
export async function serialsOf({ caFiles, caSerials }: CaWords, pki: OpenPki, files: DurableFiles) {
  if (caFiles.length + caSerials.length === 0) {
    const hint = 'Name its certificate file or its serial number.'
    throw new FpkiError('ERR_USAGE', 'No device CA specified.', hint, { option: 'caFiles' })
  }
  const fromFiles = await Promise.all(caFiles.map((name) => serialOfFile(name, pki, files)))
  const serials = new Set([...caSerials.map((word) => readSerial(word, 'caSerials', pki.directory.path)), ...fromFiles])
  return [...serials].sort((a, b) => (a < b ? -1 : 1))
}

/**
 * Parses a serial number, decimal as fioctl accepts it or hex as OpenSSL prints it. `option` and `directory` are for the
 * message. Throws ERR_USAGE.
 */
export function readSerial(word: string, option: 'caSerials' | 'serial', directory: string): bigint {
  const hex =
    /^0x([0-9a-f]{1,64})$/i.exec(word)?.[1] ?? (/^[0-9a-f]{1,2}(:[0-9a-f]{2}){1,31}$/i.test(word) ? word : null)
  if (hex !== null && hex !== undefined) return BigInt(`0x${hex.replaceAll(':', '')}`)
  if (/^\d{1,64}$/.test(word)) return BigInt(word)
  throw new FpkiError(
    'ERR_USAGE',
    `Invalid serial number: ${JSON.stringify(word)}.`,
    `Use decimal, 0x… or colon-separated hex; \`${showOf(directory)}\` prints the serial numbers.`,
    { option },
  )
}

/** The command that shows the serial numbers. */
function showOf(directory: string): string {
  return `fpki ca show ${shellWord(directory)} --pretty`
}

async function serialOfFile(name: string, { directory, root }: OpenPki, files: DurableFiles): Promise<bigint> {
  const isPath = name.includes('/')
  if (name === '' || (isPath && !isAbsolute(name))) throw noName(name)
  const paths = isPath ? [name] : [`${directory.path}/${name}`, `${directory.path}/${name}.pem`]
  for (const path of paths) {
    const pem = await files.read(path, MAX_BYTES)
    if (pem === null) continue
    const certificate = readPemCertificate(pem, path)
    if (certificate.parsedExtensions.basicConstraints?.ca !== true || sameKey(certificate.publicKey, root.publicKey))
      throw noDeviceCa(path, directory.path)
    if (isIssuedBy(certificate, root)) return certificate.serialNumber
    throw new FpkiError(
      'ERR_BAD_CERTIFICATE',
      `${path} does not belong to this PKI: it is not signed by factory_ca.pem.`,
      'Pass the certificate of a device CA of this factory.',
    )
  }
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${paths[0]} does not exist.`,
    `Pass a certificate in the PKI directory, or a serial number; \`${showOf(directory.path)}\` prints the serial numbers.`,
    { option: 'caFiles' },
  )
}

function noDeviceCa(path: string, directory: string): FpkiError {
  const hint = `Pass the certificate of a device CA; \`${showOf(directory)}\` lists them.`
  return new FpkiError('ERR_NOT_A_DEVICE_CA', `${path} is not the certificate of a device CA.`, hint)
}

function noName(name: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `${JSON.stringify(name)} is neither the name of a file in the PKI directory nor an absolute path.`,
    'Use a name such as local-ca.pem, or an absolute path.',
    { option: 'caFiles' },
  )
}
