import { FpkiError } from '../errors.js'
import {
  ANY,
  type Der,
  parseDer,
  rawDer,
  readInteger,
  readOctetBitString,
  sequenceMembers,
  TAG,
  taggedMembers,
} from './der.js'
import { decodeAuthorityKeyIdentifier, type Extension, readExtensions } from './extensions.js'
import { type Name, readName } from './name.js'
import { sameOctets } from './octets.js'
import { decodeOnePem } from './pem.js'
import { readAlgorithm, readTime } from './read-certificate.js'
import type { Signed } from './signature.js'

/** One entry of a CRL (RFC 5280, 5.1.2.6 and 5.3). */
interface CrlEntry {
  readonly serialNumber: bigint
  readonly revocationDate: Date
  /** RFC 5280, 5.3.1; null when absent. */
  readonly reasonCode: number | null
}

/** A strictly parsed certificate revocation list (RFC 5280, 5.1). */
export interface Crl extends Signed {
  /** 1 when the version is absent; only version 2 has extensions. */
  readonly version: 1 | 2
  readonly issuer: Name
  readonly thisUpdate: Date
  readonly nextUpdate: Date | null
  readonly crlNumber: bigint | null
  /** The keyIdentifier member only. */
  readonly authorityKeyIdentifier: Uint8Array | null
  /** In the order of the encoding. */
  readonly entries: readonly CrlEntry[]
  readonly extensions: readonly Extension[]
  readonly der: Uint8Array
}

/** Room for more than a hundred thousand entries. */
const MAX_CRL_BYTES = 10 * 1024 * 1024

/**
 * Parses a CRL, PEM (one `X509 CRL` block) or DER, without verifying its signature. `what` names it in errors.
 *
 * @throws FpkiError ERR_BAD_FILE when it is malformed, larger than {@link MAX_CRL_BYTES}, lists a serial number twice, or
 *   has an unknown critical extension (RFC 5280, 5.2: such a CRL must not be used)
 */
export function readCrl(crl: string | Uint8Array, what: string): Crl {
  // Base64 makes the text a third longer.
  if (crl.length > (typeof crl === 'string' ? 1.5 : 1) * MAX_CRL_BYTES) throw badCrl(what, 'it is larger than 10 MB')
  const der = typeof crl === 'string' ? decodeOnePem('X509 CRL', crl, what) : crl
  try {
    const [tbs, outer, signature] = sequenceMembers(parseDer(der), 3)
    const { algorithm, algorithmDer, ...list } = readTbs(tbs)
    if (!sameOctets(algorithmDer, rawDer(outer))) throw new Error('its inner and outer signature algorithms differ')
    return { ...list, algorithm, tbs: rawDer(tbs), signature: readOctetBitString(signature), der }
  } catch (cause) {
    throw badCrl(what, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** Parses a TBSCertList (DER) that is not signed yet. Throws a plain Error. */
export function readTbsCrl(der: Uint8Array) {
  return readTbs(parseDer(der))
}

function readTbs(value: Der | undefined) {
  const { list, ...head } = readTbsCrlHead(value)
  const entries = readEntries(list)
  requireVersion2For(head.version, [], entries)
  return { ...head, entries: entries.map(({ entry }) => entry) }
}

/** Parses a TBSCertList but for its entries, of which there may be many; `list` has them. Throws a plain Error. */
export function readTbsCrlHead(value: Der | undefined) {
  const members = [...sequenceMembers(value, 3, 7)]
  const take = (isPresent: (member: Der) => boolean) =>
    members[0] !== undefined && isPresent(members[0]) ? members.shift() : undefined
  const version = readVersion(take(({ tag }) => tag === TAG.integer))
  const algorithm = members.shift()
  const issuer = members.shift()
  const thisUpdate = members.shift()
  const nextUpdate = take(({ tag }) => tag === TAG.utcTime || tag === TAG.generalizedTime)
  const list = take(({ tag }) => tag === TAG.sequence)
  const extensions = readListExtensions(take(({ tag }) => tag === 0xa0))
  if (members.length > 0) throw new Error('it has an unexpected member')
  requireVersion2For(version, extensions, [])
  return {
    version,
    algorithm: readAlgorithm(algorithm),
    algorithmDer: rawDer(algorithm),
    issuer: readName(issuer),
    thisUpdate: readTime(thisUpdate),
    nextUpdate: nextUpdate === undefined ? null : readTime(nextUpdate),
    list,
    extensions,
    crlNumber: extensionValue(extensions, 'cRLNumber', readInteger),
    authorityKeyIdentifier: extensionValue(extensions, 'authorityKeyIdentifier', decodeAuthorityKeyIdentifier),
  }
}

function readVersion(value: Der | undefined): 1 | 2 {
  if (value !== undefined && readInteger(value) !== 1n) throw new Error('its version is not 2')
  return value === undefined ? 1 : 2
}

interface ReadEntry {
  readonly entry: CrlEntry
  readonly extensions: readonly Extension[]
}

function readEntries(value: Der | undefined): readonly ReadEntry[] {
  const entries = value === undefined ? [] : sequenceMembers(value, 1, ANY).map(readEntry)
  const serials = new Set(entries.map(({ entry }) => entry.serialNumber))
  if (serials.size !== entries.length) throw new Error('it lists a serial number twice')
  return entries
}

/** Parses an entry. Throws a plain Error. */
export function readEntry(value: Der): ReadEntry {
  const [serialNumber, revocationDate, wrapped] = sequenceMembers(value, 2, 3)
  const extensions = wrapped === undefined ? [] : readExtensions(wrapped)
  requireNoUnknownCritical(extensions, ['reasonCode'])
  const reasonCode = extensionValue(extensions, 'reasonCode', readReasonCode)
  return {
    entry: { serialNumber: readInteger(serialNumber), revocationDate: readTime(revocationDate), reasonCode },
    extensions,
  }
}

/** CRLReason (RFC 5280, 5.3.1): 0 to 10 without 7. */
function readReasonCode(value: Der): number {
  const reason = Number(readInteger(value, 'enumerated'))
  if (reason < 0 || reason > 10 || reason === 7) throw new Error(`an entry has the undefined reason code ${reason}`)
  return reason
}

function readListExtensions(value: Der | undefined): readonly Extension[] {
  const extensions = value === undefined ? [] : readExtensions(taggedMembers(value, 0, 1)[0])
  requireNoUnknownCritical(extensions, ['cRLNumber', 'authorityKeyIdentifier'])
  return extensions
}

function requireNoUnknownCritical(extensions: readonly Extension[], supported: readonly string[]): void {
  const other = extensions.find(({ type, critical }) => critical && !supported.includes(type))
  if (other !== undefined) throw new Error(`it has an unknown critical extension (${other.type})`)
}

function requireVersion2For(version: 1 | 2, list: readonly Extension[], entries: readonly ReadEntry[]): void {
  const hasExtensions = list.length > 0 || entries.some(({ extensions }) => extensions.length > 0)
  if (version === 1 && hasExtensions) throw new Error('it has extensions, but its version is not 2')
}

function extensionValue<T>(extensions: readonly Extension[], type: string, decode: (value: Der) => T): T | null {
  const extension = extensions.find((candidate) => candidate.type === type)
  return extension === undefined ? null : decode(parseDer(extension.value))
}

function badCrl(what: string, reason: string, cause?: unknown): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `${what} is not a valid CRL: ${reason}.`,
    'Inspect it with `openssl crl -text`, and get a new copy from its issuer.',
    { cause },
  )
}
