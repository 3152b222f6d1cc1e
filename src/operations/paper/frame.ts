import { createHash } from 'node:crypto'
import { FpkiError } from '../../errors.js'
import { sameOctets } from '../../pki/octets.js'
import { fromCrockford } from './crockford.js'
import { lineName, type PaperLine, type Part } from './lines.js'

const VERSION = 1
const HEADER_OCTETS = 4
const DIGEST_OCTETS = 8

/** What a part contains. */
export const KIND = { encryptedKey: 1, clearKey: 2, share: 3 } as const

/** The content of a part, and its kind. */
export interface Frame {
  readonly kind: number
  readonly body: Uint8Array
}

/** Encodes what the lines of a part carry: version, kind, length and content, followed by a digest over them. */
export function encodeFrame({ kind, body }: Frame): Uint8Array {
  const framed = Buffer.concat([Buffer.of(VERSION, kind, body.length >> 8, body.length & 0xff), body])
  return Buffer.concat([framed, digestOf(framed)])
}

/** A truncated SHA-256 digest. */
export function digestOf(octets: Uint8Array): Uint8Array {
  return createHash('sha256').update(octets).digest().subarray(0, DIGEST_OCTETS)
}

/** Decodes a part from its lines, in any order. Throws ERR_BAD_FILE, naming the lines that are missing. */
export function decodeFrame(part: Part, typed: readonly PaperLine[]): Frame {
  const lines = new Map(typed.map((line) => [line.number, line.data]))
  const conflict = typed.find(({ number, data }) => lines.get(number) !== data)
  if (conflict !== undefined)
    throw sheetError(`line ${lineName(part, conflict.number)} occurs twice with different content`)
  const header = fromCrockford((lines.get(1) ?? '').slice(0, 8))
  if (header === null || header.length < HEADER_OCTETS) throw sheetError(`line ${lineName(part, 1)} is missing`)
  const [version, kind = 0, high = 0, low = 0] = header
  if (version !== VERSION)
    throw sheetError(
      `line ${lineName(part, 1)} has sheet format version ${version}; this fpki reads version ${VERSION}`,
    )
  const size = HEADER_OCTETS + high * 256 + low + DIGEST_OCTETS
  const octets = joined(part, lines, size)
  const framed = octets.subarray(0, size - DIGEST_OCTETS)
  if (octets.length === size && sameOctets(digestOf(framed), octets.subarray(framed.length))) {
    return { kind, body: framed.subarray(HEADER_OCTETS) }
  }
  throw sheetError(
    `the lines of ${nameOf(part)} are from different sheets: each checksum is correct, but not the digest over all lines`,
  )
}

/** The error for lines that cannot be decoded; each problem is a clause. */
export function sheetError(...problems: readonly string[]): FpkiError {
  const [first = '', ...others] = problems
  const text = [first.charAt(0).toUpperCase() + first.slice(1), ...others].join('; ')
  const hint =
    'Nothing was written. Compare the lines with the sheet letter by letter; the last group of each line is its checksum.'
  return new FpkiError('ERR_BAD_FILE', `${text}.`, hint)
}

/** The name of a part in messages. */
export function nameOf(part: Part): string {
  return part === 'K' ? 'the key' : `share ${Number(part.slice(1))}`
}

function joined(part: Part, lines: ReadonlyMap<number, string>, size: number): Uint8Array {
  const letters = Math.ceil((size * 8) / 5)
  const count = Math.ceil(letters / 40)
  const missing = Array.from({ length: count }, (_, at) => at + 1).filter((number) => !lines.has(number))
  if (missing.length > 0) {
    const names = missing.map((number) => lineName(part, number)).join(', ')
    throw sheetError(`${nameOf(part)} has ${count} lines; missing: ${names}`)
  }
  const extra = [...lines.keys()].find((number) => number < 1 || number > count)
  if (extra !== undefined) {
    const last = lineName(part, count)
    throw sheetError(`line ${lineName(part, extra)} is from another sheet: the last line of this one is ${last}`)
  }
  const text = Array.from({ length: count }, (_, at) => lines.get(at + 1)).join('')
  return fromCrockford(text) ?? Uint8Array.of()
}
