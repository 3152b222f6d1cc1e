import { createCipheriv, createDecipheriv, createHash, type KeyObject } from 'node:crypto'
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
import { decryptWithPrivateKey, type EnvelopeRecipient, encryptForCertificate } from './certificate-recipient.js'
import { checkPasswordCost, decryptWithPassphrase, encryptForPassphrase } from './password-recipient.js'

export type { EnvelopeRecipient } from './certificate-recipient.js'

/**
 * CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084): what `openssl cms -decrypt` opens, and what no flipped bit
 * of the content gets through. The tag does not cover the list of recipients, so the content is to name its digest; the
 * rest is compared octet by octet with what fpki writes.
 */
export interface Envelope {
  /** SHA-256 of the RecipientInfos, lower-case hex: the content must have it in it. */
  readonly recipients: string
  /** The whole file, DER, with `content` (secret) in it. Once only: the key and the nonce are for one content. */
  seal(content: Uint8Array): Uint8Array
  /** The content of such a file, by the key in memory: no recipient's secret is needed. */
  reopen(file: Uint8Array): OpenedEnvelope
}

/** What was in an envelope. */
export interface OpenedEnvelope {
  /** Secret. */
  readonly content: Buffer
  /** As {@link Envelope.recipients}; whoever reads the content must compare it. */
  readonly recipients: string
}

/** Who may open an envelope. */
export interface Recipients {
  /** Secret; null: nobody by a passphrase. */
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

/** A new envelope for `recipients`, of whom there must be one. */
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
    recipients: digestOf(recipients),
    seal: (content) => {
      const nonce = random.bytes(NONCE)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const encrypted = Buffer.concat([cipher.update(content), cipher.final()])
      return encodeEnvelope({ recipients, nonce, encrypted, tag: cipher.getAuthTag() })
    },
    reopen: (file) => decrypted(parseEnvelope(file), key),
  }
}

/** Can it be opened with a passphrase, with a private key? Throws a plain Error when it is no envelope of fpki's. */
export function openingMethods(file: Uint8Array): { readonly passphrase: boolean; readonly key: boolean } {
  const infos = recipientInfosOf(parseEnvelope(file))
  const isPassword = (info: unknown) => info instanceof PasswordRecipientinfo
  return { passphrase: infos.some(isPassword), key: !infos.every(isPassword) }
}

/**
 * Opens an envelope; null: the secret does not open it. Rejects with a plain Error when it is broken, or not of fpki's
 * kind, and with the reason of the signal.
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
    throw new Error('it was changed or is damaged')
  }
  return { content, recipients: digestOf(recipients) }
}

function recipientInfo(variant: number, value: RecipientInfoValue): Buffer {
  return Buffer.from(new RecipientInfo({ variant, value }).toSchema().toBER())
}

/** ContentInfo with AuthEnvelopedData: version 0, recipients, content and tag; no attributes. */
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
  // asn1js takes no more than 16 MB of its own accord; how large a file may be is said where it is read.
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
  throw new Error('it is not a backup of fpki, or was changed or cut off')
}

function recipientInfosOf({ recipients }: Parts): readonly unknown[] {
  const infos = members(fromBER(octetsOf(recipients)).result).map((schema) => new RecipientInfo({ schema }).value)
  checkPasswordCost(infos)
  return infos
}

/** The members of a constructed value; none of anything else. */
function members(value: AsnType | undefined): readonly AsnType[] {
  return value instanceof Constructed ? value.valueBlock.value : []
}

/** The content of a primitive value. Throws a plain Error when it is another. */
function primitive(value: AsnType | undefined): Uint8Array {
  if (value instanceof OctetString || value instanceof Primitive) return value.valueBlock.valueHexView
  throw new Error('it is not a backup of fpki, or was cut off')
}

/** DER; empty for what is not there. */
function octets(value: AsnType | undefined): Uint8Array {
  return new Uint8Array(value?.toBER() ?? [])
}

/** What asn1js takes: octets with a buffer of their own. */
function octetsOf(value: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(value)
}

function digestOf(octetString: Uint8Array): string {
  return createHash('sha256').update(octetString).digest('hex')
}
