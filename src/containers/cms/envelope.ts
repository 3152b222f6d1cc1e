import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import {
  Set as Asn1Set,
  type AsnType,
  Constructed,
  fromBER,
  Integer,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
} from 'asn1js'
import { KeyAgreeRecipientInfo, KeyTransRecipientInfo, PasswordRecipientinfo, RecipientInfo } from 'pkijs'
import { oid } from '../../pki/oids.js'
import type { EncryptionPorts } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import { decryptWithPrivateKey, type EnvelopeRecipient, encryptForCertificate } from './certificate-recipient.js'
import { checkPasswordCost, decryptWithPassphrase, encryptForPassphrase } from './password-recipient.js'

/**
 * CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084), which `openssl cms -decrypt` opens. The tag does not cover
 * the recipients, so the content must include their digest; everything else must equal what fpki would write.
 */
export interface Envelope {
  /** SHA-256 of the RecipientInfos, lower-case hex, for inclusion in the content. */
  readonly recipients: string
  /** Encrypts `content` (secret) and returns the whole file, DER. May be called once: the key is for one content. */
  seal(content: Uint8Array): Uint8Array
  /** Decrypts such a file with the key in memory, without any recipient's secret. */
  reopen(file: Uint8Array): OpenedEnvelope
}

/** A decrypted envelope. */
export interface OpenedEnvelope {
  /** Secret. */
  readonly content: Buffer
  /** As {@link Envelope.recipients}; callers must compare it with the digest in the content. */
  readonly recipients: string
}

/** The recipients of an envelope. */
export interface Recipients {
  /** Secret; null for no passphrase recipient. */
  readonly passphrase: string | null
  readonly certificates: readonly EnvelopeRecipient[]
}

/** A recipient's secret. */
export type Opener =
  | { readonly passphrase: string; readonly signal?: AbortSignal | undefined }
  | { readonly key: KeyObject }

type RecipientInfoValue = PasswordRecipientinfo | KeyTransRecipientInfo | KeyAgreeRecipientInfo

interface Parts {
  /** A SET OF RecipientInfo, DER. */
  readonly recipients: Uint8Array
  readonly nonce: Uint8Array
  readonly encrypted: Uint8Array
  readonly tag: Uint8Array
}

const NONCE = 12
const TAG = 16

/** Creates an envelope for at least one recipient. */
export function newEnvelope({ passphrase, certificates }: Recipients, ports: EncryptionPorts): Envelope {
  const { random } = ports
  const key = random.bytes(32)
  const infos = [
    ...(passphrase === null ? [] : [recipientInfo(4, encryptForPassphrase(key, passphrase, ports))]),
    ...certificates.map((certificate) => {
      const info = encryptForCertificate(key, certificate, random)
      return recipientInfo(info instanceof KeyTransRecipientInfo ? 1 : 2, info)
    }),
  ].sort(Buffer.compare)
  const recipients = octets(new Asn1Set({ value: infos.map((info) => fromBER(octetsOf(info)).result) }))
  return {
    recipients: sha256(recipients),
    seal: (content) => {
      const nonce = random.bytes(NONCE)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const encrypted = Buffer.concat([cipher.update(content), cipher.final()])
      return encodeEnvelope({ recipients, nonce, encrypted, tag: cipher.getAuthTag() })
    },
    reopen: (file) => decrypted(parseEnvelope(file), key),
  }
}

/** Whether a passphrase, and whether a private key, can open an envelope. Throws a plain Error for other files. */
export function openingMethods(file: Uint8Array): { readonly passphrase: boolean; readonly key: boolean } {
  const infos = recipientInfosOf(parseEnvelope(file))
  const isPassword = (info: unknown) => info instanceof PasswordRecipientinfo
  return { passphrase: infos.some(isPassword), key: !infos.every(isPassword) }
}

/**
 * Opens an envelope; null when the secret is the wrong one. Rejects with a plain Error when the file is malformed or was not
 * written by fpki, and with the reason of the signal.
 */
export async function openEnvelope(file: Uint8Array, opener: Opener): Promise<OpenedEnvelope | null> {
  const parts = parseEnvelope(file)
  for (const info of recipientInfosOf(parts)) {
    const key = await contentKeyOf(info, opener)
    if (key !== null) return decrypted(parts, key)
  }
  return null
}

async function contentKeyOf(info: unknown, opener: Opener): Promise<Buffer | null> {
  if (info instanceof PasswordRecipientinfo) {
    return 'passphrase' in opener ? decryptWithPassphrase(info, opener.passphrase, opener.signal) : null
  }
  const isForKey = info instanceof KeyTransRecipientInfo || info instanceof KeyAgreeRecipientInfo
  return isForKey && 'key' in opener ? decryptWithPrivateKey(info, opener.key) : null
}

function decrypted({ recipients, nonce, encrypted, tag }: Parts, key: Uint8Array): OpenedEnvelope {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG }).setAuthTag(tag)
  const content = decipher.update(encrypted)
  try {
    decipher.final()
  } catch {
    throw new Error('it was modified or is damaged')
  }
  return { content, recipients: sha256(recipients) }
}

function recipientInfo(variant: number, value: RecipientInfoValue): Buffer {
  return Buffer.from(new RecipientInfo({ variant, value }).toSchema().toBER())
}

/** ContentInfo with AuthEnvelopedData: version 0, recipients, content and tag, without attributes. */
function encodeEnvelope({ recipients, nonce, encrypted, tag }: Parts): Uint8Array {
  const octetString = (value: Uint8Array) => new OctetString({ valueHex: octetsOf(value) })
  const gcm = new Sequence({ value: [octetString(nonce), new Integer({ value: TAG })] })
  const algorithm = new Sequence({ value: [new ObjectIdentifier({ value: oid('aes256-GCM') }), gcm] })
  const content = new Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: octetsOf(encrypted) })
  const data = new Sequence({ value: [new ObjectIdentifier({ value: oid('data') }), algorithm, content] })
  const enveloped = new Sequence({
    value: [new Integer({ value: 0 }), fromBER(octetsOf(recipients)).result, data, octetString(tag)],
  })
  const explicit = new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [enveloped] })
  const type = new ObjectIdentifier({ value: oid('authEnvelopedData') })
  return octets(new Sequence({ value: [type, explicit] }))
}

/** The parts of a file that is encodeEnvelope as {@link encodeEnvelope} writes it, octet by octet. */
function parseEnvelope(file: Uint8Array): Parts {
  // asn1js limits input to 16 MB by default; callers limit the size of the file.
  const [, content] = members(fromBER(octetsOf(file), { maxContentLength: file.length }).result)
  const [enveloped] = members(content)
  const [, recipients, data, tag] = members(enveloped)
  const [, algorithm, encrypted] = members(data)
  const [nonce] = members(members(algorithm)[1])
  const parts = {
    recipients: octets(recipients),
    nonce: primitive(nonce),
    encrypted: primitive(encrypted),
    tag: primitive(tag),
  }
  const isOurs = parts.nonce.length === NONCE && parts.tag.length === TAG
  if (isOurs && Buffer.from(encodeEnvelope(parts)).equals(file)) return parts
  throw new Error('it is not an fpki backup, or it was modified or truncated')
}

function recipientInfosOf({ recipients }: Parts): readonly unknown[] {
  const infos = members(fromBER(octetsOf(recipients)).result).map((schema) => new RecipientInfo({ schema }).value)
  checkPasswordCost(infos)
  return infos
}

/** The members of a constructed value; empty for others. */
function members(value: AsnType | undefined): readonly AsnType[] {
  return value instanceof Constructed ? value.valueBlock.value : []
}

/** The content of a primitive value. Throws a plain Error for others. */
function primitive(value: AsnType | undefined): Uint8Array {
  if (value instanceof OctetString || value instanceof Primitive) return value.valueBlock.valueHexView
  throw new Error('it is not an fpki backup, or it was truncated')
}

/** DER; empty for a missing value. */
function octets(value: AsnType | undefined): Uint8Array {
  return new Uint8Array(value?.toBER() ?? [])
}

/** Copies octets into a buffer of their own, as asn1js requires. */
function octetsOf(value: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(value)
}
