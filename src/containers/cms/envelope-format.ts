import { fromBER } from 'asn1js'
import { derHeadAt } from '../../pki/der.js'
import { derHead, integer, objectIdentifier, octetString, sequence } from '../../pki/der-write.js'
import { oid } from '../../pki/oids.js'
import type { ReadableFile } from '../../ports.js'

/** Octets of the nonce and of the tag (RFC 5084, 3.2). */
export const NONCE = 12
export const TAG = 16

/** Everything before the encrypted content; more than a thousand recipients take. */
const MAX_HEAD = 1024 * 1024

/** What the head of an envelope depends on. */
interface HeadParts {
  /** A SET OF RecipientInfo, DER. */
  readonly recipients: Uint8Array
  readonly nonce: Uint8Array
  /** Of the content, which is as long when encrypted. */
  readonly size: number
}

/** An envelope without its encrypted content. */
export interface Parts extends HeadParts {
  /** Everything before the encrypted content. */
  readonly head: Uint8Array
  readonly tag: Uint8Array
}

/** ContentInfo with AuthEnvelopedData (version 0, without attributes), up to the encrypted content. */
export function encodeHead({ recipients, nonce, size }: HeadParts): Uint8Array {
  const gcm = sequence(octetString(nonce), integer(Uint8Array.of(TAG)))
  const algorithm = sequence(objectIdentifier(oid('aes256-GCM')), gcm)
  const content = begun(0x80, [], size)
  const data = begun(0x30, [objectIdentifier(oid('data')), algorithm, content], size)
  const after = size + encodeTag(new Uint8Array(TAG)).length
  const enveloped = begun(0x30, [integer(Uint8Array.of(0)), recipients, data], after)
  const explicit = begun(0xa0, [enveloped], after)
  return begun(0x30, [objectIdentifier(oid('authEnvelopedData')), explicit], after)
}

/** What follows the encrypted content. */
export function encodeTag(tag: Uint8Array): Uint8Array {
  return octetString(tag)
}

/** A value that begins with `members`, and of whose content `following` octets are missing. */
function begun(tag: number, members: readonly Uint8Array[], following: number): Uint8Array {
  const begin = Buffer.concat(members)
  return Buffer.concat([derHead(tag, begin.length + following), begin])
}

/** The parts of a file that begins and ends as {@link encodeHead} and {@link encodeTag} write it, octet by octet. */
export async function readParts(file: Pick<ReadableFile, 'size' | 'read'>): Promise<Parts> {
  const begin = await file.read(0, Math.min(MAX_HEAD, file.size))
  const parts = locate(begin)
  const head = encodeHead(parts)
  const end = await file.read(head.length + parts.size, TAG + 3)
  const tag = end.subarray(-TAG)
  const isOurs = Buffer.compare(begin.subarray(0, head.length), head) === 0 && isDer(parts.recipients)
  if (isOurs && Buffer.compare(end, encodeTag(tag)) === 0) return { ...parts, head, tag }
  throw new Error('it is not an fpki backup, or it was modified or truncated')
}

/** Where {@link encodeHead} writes its parts; wrong in files that it did not write, as the comparison with it shows. */
function locate(begin: Uint8Array): HeadParts {
  const enter = (at: number) => derHeadAt(begin, at).start
  const skip = (at: number) => derHeadAt(begin, at).end
  const inExplicit = enter(skip(enter(0)))
  const recipients = skip(enter(inExplicit))
  const data = skip(recipients)
  const algorithm = skip(enter(data))
  const nonce = enter(enter(skip(enter(algorithm))))
  const content = derHeadAt(begin, skip(algorithm))
  return {
    recipients: begin.subarray(recipients, data),
    nonce: begin.subarray(nonce, nonce + NONCE),
    size: content.end - content.start,
  }
}

/** Whether the recipients are encoded as fpki would encode them. */
function isDer(recipients: Uint8Array): boolean {
  return Buffer.from(fromBER(Uint8Array.from(recipients)).result.toBER()).equals(recipients)
}
