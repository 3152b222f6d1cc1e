import { createECDH, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import {
  decryptKey,
  type EncryptedKey,
  readEncryptedKey,
  requiredPassphrase,
  wrongPassphrase,
} from '../containers/encrypted-key.js'
import { unsupportedKeyType } from '../containers/private-key-info.js'
import { contentOf, parseDer, readObjectIdentifier, sequenceMembers, TAG } from '../pki/der.js'
import { octetString } from '../pki/der-write.js'
import { oid } from '../pki/oids.js'
import { provesPossession } from '../pki/possession.js'
import { HASH_OF_CURVE, NODE_CURVE, type PublicKey, readPublicKey, uncompressedSpki } from '../pki/public-key.js'
import type { Curve, Signer } from '../ports.js'
import { badKey, type KeyBlock, privateKeyBlock } from './key-pem.js'

/** An undamaged EC private key from a PEM text. */
export interface EcKey {
  readonly signer: Signer
  /** A handle, which worker threads can get. */
  readonly privateKey: KeyObject
  /** Unencrypted PEM: `pkcs8` for other programs, `sec1` for docs/profile.md#key-files. Secret. */
  clearPem(type: 'pkcs8' | 'sec1'): string
  /** The values for importing the key into a token. Secret. */
  material(): KeyMaterial
}

/** The values of a private key, for import into a token. */
export interface KeyMaterial {
  readonly curve: Curve
  /** The private scalar, big-endian, as long as the curve's order. Secret. */
  readonly scalar: Buffer
  /** The uncompressed point in a DER OCTET STRING. */
  readonly point: Buffer
}

/** Options for opening a key that may be encrypted. */
export interface KeyOpener {
  /** Secret; null when not available. */
  readonly passphrase?: string | null
  /** Aborts a long derivation. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a private key in PEM: SEC 1 or PKCS#8, encrypted or not. fpki opens EC keys nowhere else: OpenSSL parses all of it,
 * and the key signs a message that its public key verifies. `what` names the file in errors, which never contain any of it.
 *
 * @throws FpkiError ERR_BAD_KEY when the text is not an undamaged EC key on a supported curve, or too expensive to decrypt;
 *   ERR_PASSPHRASE when it is encrypted and the passphrase is missing or wrong; the reason of the signal
 */
export async function openEcKey(pem: string, what: string, opener: KeyOpener = {}): Promise<EcKey> {
  const block = privateKeyBlock(pem, what)
  const key = await privateKeyIn(block, what, opener)
  const publicKey = publicHalf(key, what)
  const { spki, curve } = publicKey
  if (block.parameters !== null && curveNamedIn(block.parameters) !== oid(curve)) {
    throw badKey(what, `contains a key on ${curve}, but its EC PARAMETERS block does not name that curve`)
  }
  const scalar = scalarOf(key, curve, what)
  const signer = signerOf(key, spki, curve, what)
  if (!(await provesPossession(signer, publicKey))) {
    throw badKey(what, 'is damaged: its private and public key do not match')
  }
  return {
    signer,
    privateKey: key,
    clearPem: (type) => key.export({ format: 'pem', type }).toString(),
    material: () => ({ curve, scalar, point: pointOf(scalar, curve) }),
  }
}

/**
 * Parses the private key of a PEM block, of any type that OpenSSL supports, after checking the cost of decryption. Arguments
 * and errors as for {@link openEcKey}.
 */
export async function privateKeyIn(
  { text, label, isEncrypted, der }: Omit<KeyBlock, 'parameters'>,
  what: string,
  { passphrase = null, signal }: KeyOpener,
): Promise<KeyObject> {
  if (label === 'PRIVATE KEY') return fromPkcs8(der, what)
  if (!isEncrypted) return orBadKey(what, UNREADABLE, () => createPrivateKey(text))
  const encrypted = label === 'ENCRYPTED PRIVATE KEY' ? parseEncryptedKey(der, what) : null
  const presentPassphrase = requiredPassphrase(passphrase, what)
  if (encrypted?.scheme !== 'PBES2') return decryptWithOpenssl(text, what, presentPassphrase)
  const pkcs8 = await decryptKey(encrypted, presentPassphrase, signal)
  if (pkcs8 === null) throw wrongPassphrase(what)
  try {
    return fromPkcs8(pkcs8, what, 'contains an encrypted key that is damaged')
  } finally {
    pkcs8.fill(0)
  }
}

/** A PrivateKeyInfo (RFC 5958). */
function fromPkcs8(der: Uint8Array | null, what: string, damaged = UNREADABLE): KeyObject {
  const kind = orBadKey(what, damaged, () => unsupportedKeyType(der ?? new Uint8Array()))
  if (kind !== null) throw badKey(what, `contains a private key of an unsupported type (${kind})`)
  const { buffer, byteOffset, length } = der ?? new Uint8Array()
  const key = Buffer.from(buffer, byteOffset, length)
  return orBadKey(what, damaged, () => createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
}

const UNREADABLE = 'contains a private key that OpenSSL cannot read'

/** For the traditional form (RFC 1421) and the old schemes, whose derivations are cheap. */
function decryptWithOpenssl(text: string, what: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key: text, passphrase })
  } catch {
    // OpenSSL's errors for a wrong passphrase vary.
    const hint = 'If the passphrase is right, the file is damaged, or OpenSSL no longer supports its cipher.'
    throw wrongPassphrase(what, hint)
  }
}

function parseEncryptedKey(der: Uint8Array | null, what: string): EncryptedKey {
  try {
    if (der === null) throw new Error('its base64 is invalid')
    return readEncryptedKey(der)
  } catch (error) {
    throw badKey(what, `cannot be decrypted: ${reasonOf(error)}`)
  }
}

type EcPublicKey = Extract<PublicKey, { readonly kind: 'EC' }>

function publicHalf(key: KeyObject, what: string): EcPublicKey {
  const spki = orBadKey(what, 'is damaged: its public key is not on its curve', () => {
    return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  })
  const publicKey = readable(spki, what)
  // The file may contain a compressed point; certificates must not.
  if (publicKey.kind === 'EC') return { ...publicKey, spki: uncompressedSpki(spki) }
  throw badKey(what, `contains an RSA ${publicKey.bits} key`)
}

function readable(spki: Uint8Array, what: string): PublicKey {
  try {
    return readPublicKey(spki)
  } catch (error) {
    throw badKey(what, `is not usable: ${reasonOf(error)}`)
  }
}

/**
 * The private scalar, checked to be from 1 to less than the order (SEC 1, 3.2.1). OpenSSL does not check that when parsing,
 * and exporting a scalar that is too long as JWK aborts the whole process.
 */
function scalarOf(key: KeyObject, curve: Curve, what: string): Buffer {
  return orBadKey(what, `is damaged: its private scalar is not valid on ${curve}`, () => {
    const [, scalar] = sequenceMembers(parseDer(key.export({ format: 'der', type: 'sec1' })), 2, 4)
    const octets = Buffer.from(contentOf(scalar, 'octetString'))
    pointOf(octets, curve)
    return octets
  })
}

function pointOf(scalar: Buffer, curve: Curve): Buffer {
  const ecdh = createECDH(NODE_CURVE[curve])
  ecdh.setPrivateKey(scalar)
  return Buffer.from(octetString(ecdh.getPublicKey()))
}

function signerOf(key: KeyObject, spki: Uint8Array, curve: Curve, what: string): Signer {
  const hash = HASH_OF_CURVE[curve]
  return {
    spki,
    algorithm: { curve, hash },
    sign: async (data) =>
      orBadKey(what, 'is damaged: OpenSSL cannot sign with it', () => {
        return new Uint8Array(sign(hash, data, { key, dsaEncoding: 'der' }))
      }),
    close: async () => undefined,
  }
}

/** Converts OpenSSL's errors to ERR_BAD_KEY, without their text, which might quote the key. */
function orBadKey<T>(what: string, reason: string, work: () => T): T {
  try {
    return work()
  } catch {
    throw badKey(what, reason)
  }
}

/** The curve's identifier; null for explicit parameters, which can imitate a standard curve, and anything else. */
function curveNamedIn(parameters: Uint8Array): string | null {
  try {
    const value = parseDer(parameters)
    return value.tag === TAG.objectIdentifier ? readObjectIdentifier(value) : null
  } catch {
    return null
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
