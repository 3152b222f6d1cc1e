import { FpkiError } from '../errors.js'
import { type PemBlock, pemBlocks, pemText } from '../pki/pem.js'

/** The labels of private keys (RFC 5915, RFC 5958). */
const KEY_LABELS: readonly string[] = ['EC PRIVATE KEY', 'PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']

/** `openssl ecparam -genkey` writes the curve in a separate block before the key. */
const PARAMETERS_LABEL = 'EC PARAMETERS'

/** The private key block of a PEM file. */
export interface KeyBlock {
  /** The block alone, with line feeds, without surrounding text. Secret. */
  readonly text: string
  readonly label: string
  readonly isEncrypted: boolean
  /** The decoded base64, secret; null when it has RFC 1421 headers or is invalid. */
  readonly der: Uint8Array | null
  /** The DER of the EC PARAMETERS block; null when absent. */
  readonly parameters: Uint8Array | null
}

/**
 * The only private key in a PEM text, with any line endings and surrounding text. `what` names the file in errors, which
 * never contain any of it. Throws ERR_BAD_KEY when there is no key, more than one, or another block.
 */
export function privateKeyBlock(pem: string, what: string): KeyBlock {
  const blocks = pemBlocks(pem)
  // The base64 of OpenSSL's traditional encrypted keys follows headers (RFC 1421); OpenSSL parses those.
  const isBroken = blocks.some(({ problem }) => problem !== null && problem !== 'its base64 is invalid')
  if (isBroken) throw badKey(what, 'contains a malformed PEM block')
  const other = blocks.find(({ label }) => !KEY_LABELS.includes(label) && label !== PARAMETERS_LABEL)
  if (other !== undefined) throw badKey(what, `is not a private key (found "${other.label}")`)
  const [parameters, ...moreParameters] = blocks.filter(({ label }) => label === PARAMETERS_LABEL)
  const [key, ...moreKeys] = blocks.filter(({ label }) => label !== PARAMETERS_LABEL)
  if (key === undefined) throw badKey(what, 'does not contain a private key')
  if (moreKeys.length > 0) throw badKey(what, `contains ${moreKeys.length + 1} private keys; expected one`)
  if (moreParameters.length > 0) throw badKey(what, 'contains more than one EC PARAMETERS block')
  const curve = parameters === undefined ? null : (parameters.der ?? new Uint8Array())
  return { ...keyBlock(key), parameters: curve }
}

/** The first private key in a PEM text, of any type; null when there is none. */
export function anyKeyBlock(pem: string): Omit<KeyBlock, 'parameters'> | null {
  const key = pemBlocks(pem).find(({ label }) => label.endsWith('PRIVATE KEY'))
  return key === undefined ? null : keyBlock(key)
}

/** Whether the private key of a PEM text is encrypted. Throws ERR_BAD_KEY. */
export function isEncryptedKey(pem: string, what: string): boolean {
  return privateKeyBlock(pem, what).isEncrypted
}

/** Whether a PEM text is one unencrypted private key. Never throws. */
export function isPlainKey(pem: string, what: string): boolean {
  try {
    return !isEncryptedKey(pem, what)
  } catch {
    return false
  }
}

/** The error for a private key that cannot be used. */
export function badKey(what: string, reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_KEY',
    `${what} ${reason}.`,
    'Expected one EC private key on P-256, P-384 or P-521, in PEM. If the file is damaged, restore it from a backup.',
  )
}

function keyBlock(block: PemBlock): Omit<KeyBlock, 'parameters'> {
  return { text: textOf(block), label: block.label, isEncrypted: isEncrypted(block), der: block.der }
}

function isEncrypted({ label, body }: { readonly label: string; readonly body: string }): boolean {
  return label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(body)
}

function textOf({ label, body }: { readonly label: string; readonly body: string }): string {
  const [, ...lines] = body.split('\n').map((line) => line.trimEnd())
  return pemText(label, lines.join('\n'))
}
