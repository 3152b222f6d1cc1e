import { FpkiError } from '../errors.js'
import { type PemBlock, pemBlocks, pemText } from '../pki/pem.js'

/** What a block with a private key may say of itself (RFC 5915, RFC 5958). */
const KEY_LABELS: readonly string[] = ['EC PRIVATE KEY', 'PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']

/** `openssl ecparam -genkey` writes the curve in a block of its own before the key. */
const PARAMETERS_LABEL = 'EC PARAMETERS'

/** The private key of a file, as it stands in it. */
export interface KeyBlock {
  /** The block alone, with line feeds: without parameters, byte order mark or text around it. Secret. */
  readonly text: string
  readonly label: string
  readonly isEncrypted: boolean
  /** What its base64 decodes to, secret; null: it has headers before the base64 (RFC 1421), or is broken. */
  readonly der: Uint8Array | null
  /** The DER of the EC PARAMETERS block before it; null: there is none. */
  readonly parameters: Uint8Array | null
}

/**
 * The one private key in a PEM text, however its lines end and whatever text is around it. `what` names the file in
 * errors, which never hold a part of it. Throws ERR_BAD_KEY when there is none, more than one, or another block.
 */
export function privateKeyBlock(pem: string, what: string): KeyBlock {
  const blocks = pemBlocks(pem)
  // An encrypted key of OpenSSL's old form has headers before its base64 (RFC 1421), so OpenSSL reads what is inside.
  const isBroken = blocks.some(({ problem }) => problem !== null && problem !== 'its base64 is invalid')
  if (isBroken) throw badKey(what, 'holds a broken PEM block')
  const other = blocks.find(({ label }) => !KEY_LABELS.includes(label) && label !== PARAMETERS_LABEL)
  if (other !== undefined) throw badKey(what, `holds a PEM block of another kind, ${other.label}`)
  const [parameters, ...moreParameters] = blocks.filter(({ label }) => label === PARAMETERS_LABEL)
  const [key, ...moreKeys] = blocks.filter(({ label }) => label !== PARAMETERS_LABEL)
  if (key === undefined) throw badKey(what, 'does not contain a private key')
  if (moreKeys.length > 0) throw badKey(what, `holds ${moreKeys.length + 1} private keys, and only one can be meant`)
  if (moreParameters.length > 0) throw badKey(what, 'holds the parameters of a curve twice')
  const curve = parameters === undefined ? null : (parameters.der ?? new Uint8Array())
  return { ...keyBlock(key), parameters: curve }
}

/** The first private key in a PEM text, whatever its kind, and whatever is beside it; null: there is none. */
export function anyKeyBlock(pem: string): Omit<KeyBlock, 'parameters'> | null {
  const key = pemBlocks(pem).find(({ label }) => label.endsWith('PRIVATE KEY'))
  return key === undefined ? null : keyBlock(key)
}

/** Is the private key of a PEM text encrypted, so that a passphrase is needed? Throws ERR_BAD_KEY. */
export function isEncryptedKey(pem: string, what: string): boolean {
  return privateKeyBlock(pem, what).isEncrypted
}

/** Is a PEM text one private key that is not encrypted? Never throws: what cannot be read is none. */
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
    'It must be one EC private key on P-256, P-384 or P-521, in PEM; take it from a backup.',
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
