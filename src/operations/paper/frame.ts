import { createHash } from 'node:crypto'
import { FpkiError } from '../../errors.js'
import { sameOctets } from '../../pki/octets.js'
import { fromCrockford } from './crockford.js'
import { lineName, type PaperLine, type Part } from './lines.js'

const VERSION = 1
const HEADER_OCTETS = 4
const DIGEST_OCTETS = 8

/** What the octets of a part are. */
export const KIND = { encryptedKey: 1, clearKey: 2, share: 3 } as const

/** A kind and its content. */
export interface Frame {
  readonly kind: number
  readonly body: Uint8Array
}

/** Version, kind, length and content with a digest behind them: what the lines of a part hold. */
export function encodeFrame({ kind, body }: Frame): Uint8Array {
  const framed = Buffer.concat([Buffer.of(VERSION, kind, body.length >> 8, body.length & 0xff), body])
  return Buffer.concat([framed, digestOf(framed)])
}

/** The first octets of a SHA-256 digest. */
export function digestOf(octets: Uint8Array): Uint8Array {
  return createHash('sha256').update(octets).digest().subarray(0, DIGEST_OCTETS)
}

/** The content of a part from its lines, in whatever order. Throws ERR_BAD_FILE, which names the lines that are missing. */
export function decodeFrame(part: Part, typed: readonly PaperLine[]): Frame {
  const lines = new Map(typed.map((line) => [line.number, line.data]))
  const twice = typed.find(({ number, data }) => lines.get(number) !== data)
  if (twice !== undefined) throw badLines(`${lineName(part, twice.number)} is there twice, with other letters`)
  const header = fromCrockford((lines.get(1) ?? '').slice(0, 8))
  if (header === null || header.length < HEADER_OCTETS) throw badLines(`line ${lineName(part, 1)} is missing`)
  const [version, kind = 0, high = 0, low = 0] = header
  if (version !== VERSION) throw badLines(`line ${lineName(part, 1)} is of another version of the sheet, ${version}`)
  const size = HEADER_OCTETS + high * 256 + low + DIGEST_OCTETS
  const octets = joined(part, lines, size)
  const framed = octets.subarray(0, size - DIGEST_OCTETS)
  if (octets.length === size && sameOctets(digestOf(framed), octets.subarray(framed.length))) {
    return { kind, body: framed.subarray(HEADER_OCTETS) }
  }
  throw badLines(`each line of ${nameOf(part)} holds, but not all of them together: they are of different sheets`)
}

/** The error for lines that do not hold. */
export function badLines(...problems: readonly string[]): FpkiError {
  const [first = '', ...others] = problems
  const text = [first.charAt(0).toUpperCase() + first.slice(1), ...others].join('; ')
  const hint =
    'Compare with the sheet, letter by letter; the last group of a line is its checksum. Nothing was written.'
  return new FpkiError('ERR_BAD_FILE', `${text}.`, hint)
}

/** Whose lines they are, in words. */
export function nameOf(part: Part): string {
  return part === 'K' ? 'the key' : `share ${Number(part.slice(1))}`
}

function joined(part: Part, lines: ReadonlyMap<number, string>, size: number): Uint8Array {
  const letters = Math.ceil((size * 8) / 5)
  const count = Math.ceil(letters / 40)
  const missing = Array.from({ length: count }, (_, at) => at + 1).filter((number) => !lines.has(number))
  if (missing.length > 0) {
    const names = missing.map((number) => lineName(part, number)).join(', ')
    throw badLines(`${names} of ${count} lines of ${nameOf(part)} ${missing.length === 1 ? 'is' : 'are'} missing`)
  }
  const beyond = [...lines.keys()].find((number) => number < 1 || number > count)
  if (beyond !== undefined) throw badLines(`${lineName(part, beyond)} is of another sheet: this one ends with ${count}`)
  const text = Array.from({ length: count }, (_, at) => lines.get(at + 1)).join('')
  return fromCrockford(text) ?? Uint8Array.of()
}
