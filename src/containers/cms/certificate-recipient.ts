import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto'
import { BitString, fromBER, OctetString } from 'asn1js'
import {
  AlgorithmIdentifier,
  ECCCMSSharedInfo,
  IssuerAndSerialNumber,
  KeyAgreeRecipientIdentifier,
  KeyAgreeRecipientInfo,
  KeyTransRecipientInfo,
  OriginatorIdentifierOrKey,
  OriginatorPublicKey,
  Certificate as PkijsCertificate,
  RecipientEncryptedKey,
  RecipientEncryptedKeys,
  RSAESOAEPParams,
} from 'pkijs'
import { parseDer, rawDer, sequenceMembers } from '../../pki/der.js'
import { bitString, sequence } from '../../pki/der-write.js'
import { oid } from '../../pki/oids.js'
import { type PublicKey, readPublicKey } from '../../pki/public-key.js'
import type { Curve, Random } from '../../ports.js'

/** A certificate for which a backup is encrypted. */
export interface EnvelopeRecipient {
  readonly der: Uint8Array
  readonly publicKey: PublicKey
}

const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
/** RFC 3394, 2.2.3.1. */
const WRAP_IV = Buffer.alloc(8, 0xa6)

/** Encrypts `contentKey` (secret) for a certificate: RSA-OAEP (RFC 4056) or ECDH (RFC 5753). */
export function encryptForCertificate(
  contentKey: Uint8Array,
  { der, publicKey }: EnvelopeRecipient,
  random: Random,
): KeyTransRecipientInfo | KeyAgreeRecipientInfo {
  const { issuer, serialNumber } = PkijsCertificate.fromBER(Uint8Array.from(der))
  const name = new IssuerAndSerialNumber({ issuer, serialNumber })
  return publicKey.kind === 'RSA'
    ? transport(contentKey, publicKey.key, name)
    : agreement(contentKey, publicKey.key, publicKey.curve, name, random)
}

/** Decrypts the content key with a private key (secret); null when it is not for that key. */
export function decryptWithPrivateKey(
  info: KeyTransRecipientInfo | KeyAgreeRecipientInfo,
  key: KeyObject,
): Buffer | null {
  try {
    return info instanceof KeyTransRecipientInfo ? byTransport(info, key) : byAgreement(info, key)
  } catch {
    // Another recipient's, or modified; OpenSSL does not distinguish the two.
    return null
  }
}

function transport(contentKey: Uint8Array, key: KeyObject, name: IssuerAndSerialNumber): KeyTransRecipientInfo {
  const hash = new AlgorithmIdentifier({ algorithmId: oid('SHA-256') })
  const mask = new AlgorithmIdentifier({ algorithmId: oid('MGF1'), algorithmParams: hash.toSchema() })
  const parameters = new RSAESOAEPParams({ hashAlgorithm: hash, maskGenAlgorithm: mask }).toSchema()
  return new KeyTransRecipientInfo({
    version: 0,
    rid: name,
    keyEncryptionAlgorithm: new AlgorithmIdentifier({ algorithmId: oid('RSAES-OAEP'), algorithmParams: parameters }),
    encryptedKey: new OctetString({ valueHex: octets(publicEncrypt({ key, ...OAEP }, contentKey)) }),
  })
}

function byTransport({ encryptedKey }: KeyTransRecipientInfo, key: KeyObject): Buffer | null {
  if (key.asymmetricKeyType !== 'rsa') return null
  return privateDecrypt({ key, ...OAEP }, encryptedKey.valueBlock.valueHexView)
}

function agreement(
  contentKey: Uint8Array,
  publicKey: KeyObject,
  curve: Curve,
  name: IssuerAndSerialNumber,
  random: Random,
): KeyAgreeRecipientInfo {
  const ephemeral = random.ecPrivateKey(curve)
  const kek = deriveKek(createPrivateKey(ephemeral.pem), publicKey)
  const cipher = createCipheriv('id-aes256-wrap', kek, WRAP_IV)
  const encryptedKey = new OctetString({ valueHex: octets(Buffer.concat([cipher.update(contentKey), cipher.final()])) })
  const rid = new KeyAgreeRecipientIdentifier({ variant: 1, value: name })
  return new KeyAgreeRecipientInfo({
    version: 3,
    originator: new OriginatorIdentifierOrKey({ variant: 3, value: originator(ephemeral.spki) }),
    keyEncryptionAlgorithm: new AlgorithmIdentifier({
      algorithmId: oid('dhSinglePass-stdDH-sha256kdf'),
      algorithmParams: wrapAlgorithm().toSchema(),
    }),
    recipientEncryptedKeys: new RecipientEncryptedKeys({
      encryptedKeys: [new RecipientEncryptedKey({ rid, encryptedKey })],
    }),
  })
}

function byAgreement({ originator: from, recipientEncryptedKeys }: KeyAgreeRecipientInfo, key: KeyObject) {
  const [{ encryptedKey } = { encryptedKey: null }] = recipientEncryptedKeys.encryptedKeys
  if (key.asymmetricKeyType !== 'ec' || !(from.value instanceof OriginatorPublicKey) || encryptedKey === null)
    return null
  // The point stands for itself: its curve is that of our key, or it is not for us.
  const recipientKey = readPublicKey(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  const [algorithm] = sequenceMembers(parseDer(recipientKey.spki), 2)
  const originatorSpki = sequence(rawDer(algorithm), bitString(from.value.publicKey.valueBlock.valueHexView))
  const publicKey = createPublicKey({ key: Buffer.from(originatorSpki), format: 'der', type: 'spki' })
  const decipher = createDecipheriv('id-aes256-wrap', deriveKek(key, publicKey), WRAP_IV)
  return Buffer.concat([decipher.update(encryptedKey.valueBlock.valueHexView), decipher.final()])
}

function originator(spki: Uint8Array): OriginatorPublicKey {
  const { valueBlock } = fromBER(octets(spki)).result
  const [, point] = 'value' in valueBlock ? (valueBlock.value as unknown[]) : []
  if (!(point instanceof BitString)) throw new TypeError('the public key has no point')
  return new OriginatorPublicKey({
    algorithm: new AlgorithmIdentifier({ algorithmId: oid('id-ecPublicKey') }),
    publicKey: new BitString({ valueHex: octets(point.valueBlock.valueHexView) }),
  })
}

/** The key encryption key of ECDH: one block of the ANSI X9.63 KDF with SHA-256 (RFC 5753, 7.2). */
function deriveKek(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  const shared = new ECCCMSSharedInfo({
    keyInfo: wrapAlgorithm(),
    suppPubInfo: new OctetString({ valueHex: Uint8Array.of(0, 0, 1, 0) }),
  })
  const secret = diffieHellman({ privateKey, publicKey })
  const info = new Uint8Array(shared.toSchema().toBER(false))
  return createHash('sha256')
    .update(secret)
    .update(Uint8Array.of(0, 0, 0, 1))
    .update(info)
    .digest()
}

function wrapAlgorithm(): AlgorithmIdentifier {
  return new AlgorithmIdentifier({ algorithmId: oid('aes256-wrap') })
}

/** Copies octets into a buffer of their own, as asn1js requires. */
function octets(value: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(value)
}
