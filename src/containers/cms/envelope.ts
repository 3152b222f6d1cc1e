import { createCipheriv, createDecipheriv, createHash, type KeyObject } from 'node:crypto'
import { Set as Asn1Set, type AsnType, Constructed, fromBER } from 'asn1js'
import { KeyAgreeRecipientInfo, KeyTransRecipientInfo, PasswordRecipientinfo, RecipientInfo } from 'pkijs'
import { piecesOf } from '../../pieces.js'
import type { EncryptionPorts, ReadableFile } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import { decryptWithPrivateKey, type EnvelopeRecipient, encryptForCertificate } from './certificate-recipient.js'
import { encodeHead, encodeTag, NONCE, type Parts, readParts, TAG } from './envelope-format.js'
import { checkPasswordCost, decryptWithPassphrase, encryptForPassphrase } from './password-recipient.js'

/**
 * CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084), which `openssl cms -decrypt` opens. The tag does not cover
 * the recipients, so the content must include their digest; everything else must equal what fpki would write. Files are
 * written and read in pieces, because the content may not fit into memory.
 */
export interface Envelope {
  /** SHA-256 of the RecipientInfos, lower-case hex, for inclusion in the content. */
  readonly recipients: string
  /** Encrypts `content` (secret) to the whole file, DER. May be called once: the key is for one content. */
  seal(content: EnvelopeContent): AsyncIterable<Uint8Array>
  /** Decrypts such a file with the key in memory, without any recipient's secret. Rejects like {@link openEnvelope}. */
  reopen(file: EnvelopeFile): Promise<OpenedEnvelope>
}

/** What to encrypt. */
interface EnvelopeContent {
  readonly size: number
  /** `size` octets. */
  read(): AsyncIterable<Uint8Array>
}

/** A file with an envelope. */
export type EnvelopeFile = Pick<ReadableFile, 'size' | 'read'>

/** A decrypted envelope whose tag is right. */
export interface OpenedEnvelope {
  /** Decrypts the content (secret) once more, and checks the tag again at its end, for which it throws a plain Error. */
  content(): AsyncIterable<Uint8Array>
  /** As {@link Envelope.recipients}; callers must compare it with the digest in the content. */
  readonly recipients: string
  /** Of the whole file, lower-case hex. */
  readonly sha256: string
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
    seal: (content) => sealed(content, { recipients, nonce: random.bytes(NONCE), key }),
    reopen: async (file) => authenticated(file, await readParts(file), key),
  }
}

async function* sealed(
  { size, read }: EnvelopeContent,
  { recipients, nonce, key }: { readonly recipients: Uint8Array; readonly nonce: Uint8Array; readonly key: Uint8Array },
): AsyncGenerator<Uint8Array> {
  yield encodeHead({ recipients, nonce, size })
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  let left = size
  for await (const octets of read()) {
    left -= octets.length
    yield cipher.update(octets)
  }
  if (left !== 0) throw new Error(`the content has ${size - left} octets instead of ${size}`)
  cipher.final()
  yield encodeTag(cipher.getAuthTag())
}

/** Whether a passphrase, and whether a private key, can open an envelope. Rejects with a plain Error for other files. */
export async function openingMethods(
  file: EnvelopeFile,
): Promise<{ readonly passphrase: boolean; readonly key: boolean }> {
  const infos = recipientInfosOf(await readParts(file))
  const isPassword = (info: unknown) => info instanceof PasswordRecipientinfo
  return { passphrase: infos.some(isPassword), key: !infos.every(isPassword) }
}

/**
 * Opens an envelope, which authenticates its content before any of that is used; null when the secret is the wrong one. Rejects with a plain Error when the file is malformed or was not
 * written by fpki, and with the reason of the signal.
 */
export async function openEnvelope(file: EnvelopeFile, opener: Opener): Promise<OpenedEnvelope | null> {
  const parts = await readParts(file)
  for (const info of recipientInfosOf(parts)) {
    const key = await contentKeyOf(info, opener)
    if (key !== null) return authenticated(file, parts, key)
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

/** Decrypts everything once for its tag. */
async function authenticated(file: EnvelopeFile, parts: Parts, key: Uint8Array): Promise<OpenedEnvelope> {
  const hash = createHash('sha256').update(parts.head)
  const pieces = decrypted(file, parts, key, (encrypted) => hash.update(encrypted))
  while ((await pieces.next()).done !== true);
  const digest = hash.update(encodeTag(parts.tag)).digest('hex')
  return {
    content: () => decrypted(file, parts, key),
    recipients: sha256(parts.recipients),
    sha256: digest,
  }
}

async function* decrypted(
  file: EnvelopeFile,
  { head, nonce, size, tag }: Parts,
  key: Uint8Array,
  onEncrypted: (octets: Uint8Array) => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG }).setAuthTag(tag)
  for await (const octets of piecesOf(file, head.length, head.length + size)) {
    onEncrypted(octets)
    yield decipher.update(octets)
  }
  try {
    decipher.final()
  } catch {
    throw new Error('it was modified or is damaged')
  }
}

function recipientInfo(variant: number, value: RecipientInfoValue): Buffer {
  return Buffer.from(new RecipientInfo({ variant, value }).toSchema().toBER())
}

function recipientInfosOf({ recipients }: Pick<Parts, 'recipients'>): readonly unknown[] {
  const infos = members(fromBER(octetsOf(recipients)).result).map((schema) => new RecipientInfo({ schema }).value)
  checkPasswordCost(infos)
  return infos
}

/** The members of a constructed value; empty for others. */
function members(value: AsnType | undefined): readonly AsnType[] {
  return value instanceof Constructed ? value.valueBlock.value : []
}

/** DER; empty for a missing value. */
function octets(value: AsnType | undefined): Uint8Array {
  return new Uint8Array(value?.toBER() ?? [])
}

/** Copies octets into a buffer of their own, as asn1js requires. */
function octetsOf(value: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(value)
}
