import { isAbsolute } from 'node:path'
import { FpkiError } from '../../errors.js'
import type { OpenPki } from '../../issuance/open-pki.js'
import { sameKey } from '../../pki/public-key.js'
import { isIssuedBy, readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles } from '../../ports.js'
import { shellWord } from '../../shell-word.js'

/** Far more than a certificate needs. */
const MAX_BYTES = 64 * 1024

/** How a person names device CAs. */
export interface CaWords {
  /** Bare names in the PKI directory, with or without `.pem`, or full paths (docs/profile.md#ca-words). */
  readonly caFiles: readonly string[]
  /** Base 10, `0x…`, or colon-separated hex. */
  readonly caSerials: readonly string[]
}

/**
 * The serial numbers of the CAs that are named, each once, in ascending order.
 *
 * @throws FpkiError ERR_USAGE when none is named or a word is no name or number; ERR_BAD_FILE and ERR_BAD_CERTIFICATE when
 *   a file is missing, is no certificate, or is not one of this PKI's
 */
export async function serialsOf({ caFiles, caSerials }: CaWords, pki: OpenPki, files: DurableFiles) {
  if (caFiles.length + caSerials.length === 0) {
    const hint = 'Name its certificate file or its serial number.'
    throw new FpkiError('ERR_USAGE', 'No device CA is named.', hint, { option: 'caFiles' })
  }
  const fromFiles = await Promise.all(caFiles.map((name) => serialOfFile(name, pki, files)))
  const serials = new Set([...caSerials.map((word) => readSerial(word, 'caSerials', pki.directory.path)), ...fromFiles])
  return [...serials].sort((a, b) => (a < b ? -1 : 1))
}

/**
 * A serial number as fioctl takes it (base 10) or as OpenSSL prints it; `option` says where it is from, and `directory`
 * which PKI is meant. Throws ERR_USAGE.
 */
export function readSerial(word: string, option: 'caSerials' | 'serial', directory: string): bigint {
  const hex =
    /^0x([0-9a-f]{1,64})$/i.exec(word)?.[1] ?? (/^[0-9a-f]{1,2}(:[0-9a-f]{2}){1,31}$/i.test(word) ? word : null)
  if (hex !== null && hex !== undefined) return BigInt(`0x${hex.replaceAll(':', '')}`)
  if (/^\d{1,64}$/.test(word)) return BigInt(word)
  throw new FpkiError(
    'ERR_USAGE',
    `Invalid serial number: ${JSON.stringify(word)}.`,
    `Give it in base 10, as 0x…, or as hex with colons; \`${showOf(directory)}\` prints them.`,
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
    if (certificate.known.basicConstraints?.ca !== true || sameKey(certificate.publicKey, root.publicKey))
      throw noDeviceCa(path, directory.path)
    if (isIssuedBy(certificate, root)) return certificate.serialNumber
    throw new FpkiError(
      'ERR_BAD_CERTIFICATE',
      `${path} is not a certificate of this PKI: factory_ca has not signed it.`,
      'Name the certificate of a device CA of this factory.',
    )
  }
  throw new FpkiError(
    'ERR_BAD_FILE',
    `There is no ${paths[0]}.`,
    `Name a certificate in the PKI directory, or a serial number; \`${showOf(directory.path)}\` prints those.`,
    { option: 'caFiles' },
  )
}

function noDeviceCa(path: string, directory: string): FpkiError {
  const hint = `Name the certificate of a device CA; \`${showOf(directory)}\` shows which there are.`
  return new FpkiError('ERR_NOT_A_DEVICE_CA', `${path} is not the certificate of a device CA.`, hint)
}

function noName(name: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `${JSON.stringify(name)} is neither the name of a file in the PKI directory nor a full path.`,
    'Give a bare name such as local-ca.pem, or an absolute path.',
    { option: 'caFiles' },
  )
}
