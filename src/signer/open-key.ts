import { createECDH, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import {
  decryptKey,
  type EncryptedKey,
  readEncryptedKey,
  requiredPassphrase,
  wrongPassphrase,
} from '../containers/encrypted-key.js'
import { expensiveKind } from '../containers/private-key-info.js'
import { contentOf, parseDer, readObjectIdentifier, sequenceMembers, TAG } from '../pki/der.js'
import { octetString } from '../pki/der-write.js'
import { oid } from '../pki/oids.js'
import { provesPossession } from '../pki/possession.js'
import { HASH_OF_CURVE, NODE_CURVE, type PublicKey, readPublicKey, uncompressedSpki } from '../pki/public-key.js'
import type { Curve, Signer } from '../ports.js'
import { badKey, type KeyBlock, privateKeyBlock } from './key-pem.js'

/** An EC private key from a PEM text, which has proven that it is whole. */
export interface EcKey {
  readonly signer: Signer
  /** PEM without encryption: `pkcs8` as other programs expect it, `sec1` as docs/profile.md#key-files has it. Secret. */
  clearPem(type: 'pkcs8' | 'sec1'): string
  /** What a token needs to import it. Secret. */
  material(): KeyMaterial
}

/** What a private key is made of, for a token to take. */
export interface KeyMaterial {
  readonly curve: Curve
  /** The private scalar, big-endian, as long as the curve's order. Secret. */
  readonly scalar: Buffer
  /** The uncompressed point in a DER OCTET STRING. */
  readonly point: Buffer
}

/** How a key is opened that may be encrypted. */
export interface KeyOpener {
  /** Secret; null: there is none. */
  readonly passphrase?: string | null
  /** Ends a long derivation, with its reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a private key in PEM: SEC 1 or PKCS#8, encrypted or not. The only place where fpki opens EC keys: OpenSSL reads
 * every part of it, and the key signs a message that its public half verifies. `what` names the file in errors, which
 * never contain a part of it.
 *
 * @throws FpkiError ERR_BAD_KEY when the text is not an undamaged EC key on a curve that fpki signs with, or costs too much
 *   to decrypt; ERR_PASSPHRASE when it is encrypted and the passphrase does not open it; the reason of the signal
 */
export async function openEcKey(pem: string, what: string, opener: KeyOpener = {}): Promise<EcKey> {
  const block = privateKeyBlock(pem, what)
  const key = await privateKeyIn(block, what, opener)
  const { spki, curve } = publicHalf(key, what)
  if (block.parameters !== null && curveNamedIn(block.parameters) !== oid(curve)) {
    throw badKey(what, `has a key on ${curve}, and an EC PARAMETERS block that does not name that curve`)
  }
  const scalar = scalarOf(key, curve, what)
  const signer = signerOf(key, spki, curve, what)
  if (!(await provesPossession(signer, spki))) {
    throw badKey(what, 'is damaged: its private key does not belong to the public key in it')
  }
  return {
    signer,
    clearPem: (type) => key.export({ format: 'pem', type }).toString(),
    material: () => ({ curve, scalar, point: pointOf(scalar, curve) }),
  }
}

/**
 * The private key in a PEM block, of any kind that OpenSSL reads; not more than read. What its encryption costs is checked
 * first. Arguments and errors as those of {@link openEcKey}.
 */
export async function privateKeyIn(
  { text, label, isEncrypted, der }: Omit<KeyBlock, 'parameters'>,
  what: string,
  { passphrase = null, signal }: KeyOpener,
): Promise<KeyObject> {
  if (label === 'PRIVATE KEY') return fromPkcs8(der, what)
  if (!isEncrypted) return guarded(what, UNREADABLE, () => createPrivateKey(text))
  const encrypted = label === 'ENCRYPTED PRIVATE KEY' ? described(der, what) : null
  const known = requiredPassphrase(passphrase, what)
  if (encrypted?.scheme !== 'PBES2') return byOpenssl(text, what, known)
  const pkcs8 = await decryptKey(encrypted, known, signal)
  if (pkcs8 === null) throw wrongPassphrase(what)
  try {
    return fromPkcs8(pkcs8, what, 'is encrypted, and the key in it is damaged')
  } finally {
    pkcs8.fill(0)
  }
}

/** A PrivateKeyInfo (RFC 5958). */
function fromPkcs8(der: Uint8Array | null, what: string, damaged = UNREADABLE): KeyObject {
  const kind = guarded(what, damaged, () => expensiveKind(der ?? new Uint8Array()))
  if (kind !== null) throw badKey(what, `contains a private key of an unsupported kind (${kind})`)
  const { buffer, byteOffset, length } = der ?? new Uint8Array()
  const key = Buffer.from(buffer, byteOffset, length)
  return guarded(what, damaged, () => createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
}

const UNREADABLE = 'contains a private key that OpenSSL cannot read'

/** The traditional form (RFC 1421) and the old schemes, whose derivations are short. */
function byOpenssl(text: string, what: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key: text, passphrase })
  } catch {
    // A wrong passphrase makes noise of the key, and what OpenSSL says of noise differs from time to time.
    const hint =
      'If the passphrase is right, the file is damaged, or its cipher is one that OpenSSL no longer supports.'
    throw wrongPassphrase(what, hint)
  }
}

function described(der: Uint8Array | null, what: string): EncryptedKey {
  try {
    if (der === null) throw new Error('its base64 is broken')
    return readEncryptedKey(der)
  } catch (error) {
    throw badKey(what, `cannot be decrypted: ${reasonOf(error)}`)
  }
}

function publicHalf(key: KeyObject, what: string): { readonly spki: Uint8Array; readonly curve: Curve } {
  const spki = guarded(what, 'is damaged: its public key is not a point on its curve', () => {
    return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  })
  const publicKey = readable(spki, what)
  // The file may have a compressed point; what is signed for the key has the one form that everybody reads.
  if (publicKey.kind === 'EC') return { spki: uncompressedSpki(spki), curve: publicKey.curve }
  throw badKey(what, `cannot be used: its key is RSA ${publicKey.bits}`)
}

function readable(spki: Uint8Array, what: string): PublicKey {
  try {
    return readPublicKey(spki)
  } catch (error) {
    throw badKey(what, `cannot be used: ${reasonOf(error)}`)
  }
}

/**
 * The private scalar, which OpenSSL accepts: from 1 to less than the order (SEC 1, 3.2.1). Reading the key does not check
 * that, and a JWK of one that is too long aborts the whole process.
 */
function scalarOf(key: KeyObject, curve: Curve, what: string): Buffer {
  return guarded(what, `is damaged: its private scalar is not valid on ${curve}`, () => {
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
      guarded(what, 'is damaged: OpenSSL cannot sign with it', () => {
        return new Uint8Array(sign(hash, data, { key, dsaEncoding: 'der' }))
      }),
    close: async () => undefined,
  }
}

/** What OpenSSL throws becomes ERR_BAD_KEY; its own words are left out: what they quote is not ours to check. */
function guarded<T>(what: string, reason: string, work: () => T): T {
  try {
    return work()
  } catch {
    throw badKey(what, reason)
  }
}

/** The curve's identifier; null: explicit parameters, which can imitate a known curve, or something else. */
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
