import { createHash } from 'node:crypto'
import { fromCrockford, normalizeTyped, toCrockford } from './crockford.js'

/** After its number, a line has eight groups of five letters and a checksum. */
const DATA_LETTERS = 40
const CHECK_LETTERS = 4

const LINE_NUMBER = /^(K|S\d\d)(\d\d)/

/** For messages. */
export const LINE_NUMBER_IN_WORDS = 'line number such as K07 or S02-01'

/** What a line belongs to: the key, or the share with that number. */
export type Part = 'K' | `S${string}`

/** A line with a correct checksum. */
export interface PaperLine {
  readonly part: Part
  /** From 1. */
  readonly number: number
  /** Base32. Secret. */
  readonly data: string
}

/** Lines to type: a line number, groups of five letters, and a checksum over both. Secret. */
export function toLines(part: Part, octets: Uint8Array): readonly string[] {
  const data = toCrockford(octets).match(new RegExp(`.{1,${DATA_LETTERS}}`, 'g')) ?? []
  return data.map((letters, at) => {
    const groups = letters.match(/.{1,5}/g) ?? []
    return [lineName(part, at + 1), ...groups, checksum(part, at + 1, letters)].join(' ')
  })
}

/** The name of a line: `K07`, `S02-01`. */
export function lineName(part: Part, number: number): string {
  return `${part}${part === 'K' ? '' : '-'}${String(number).padStart(2, '0')}`
}

/** Does a typed line start with a line number? */
export function hasLineNumber(typed: string): boolean {
  return LINE_NUMBER.test(normalizeTyped(typed))
}

/**
 * Reads a typed line, or returns what is wrong with it: a clause that repeats nothing of the line but its number.
 *
 * @param place names the line when it has no line number
 */
export function readLine(typed: string, place: string): PaperLine | string {
  const text = normalizeTyped(typed)
  const [, label, digits = ''] = LINE_NUMBER.exec(text) ?? []
  if (label === undefined) return `${place} does not start with a ${LINE_NUMBER_IN_WORDS}`
  const part = label as Part
  const number = Number(digits)
  const letters = text.slice(label.length + digits.length)
  const data = letters.slice(0, -CHECK_LETTERS)
  if (fromCrockford(data) !== null && letters.slice(-CHECK_LETTERS) === checksum(part, number, data)) {
    return { part, number, data }
  }
  const full = DATA_LETTERS + CHECK_LETTERS
  const count =
    letters.length === full ? '' : ` (${letters.length} characters after its number; most lines have ${full})`
  return `line ${lineName(part, number)} has a typing error${count}`
}

/** 20 bits over number and letters: one error in a million goes undetected, and the digest over all lines catches that. */
function checksum(part: Part, number: number, letters: string): string {
  const hash = createHash('sha256')
    .update(`${lineName(part, number)} ${letters}`)
    .digest()
  return toCrockford(hash).slice(0, CHECK_LETTERS)
}
