import { createHash } from 'node:crypto'
import { asPrinted, fromCrockford, toCrockford } from './crockford.js'

/** Letters of a line behind its number: eight groups of five, and the checksum. */
const DATA_LETTERS = 40
const CHECK_LETTERS = 4

/** Whose lines they are: the key's, or those of the share with that number. */
export type Part = 'K' | `S${string}`

/** A line whose checksum holds. */
export interface PaperLine {
  readonly part: Part
  /** From 1. */
  readonly number: number
  /** Base32. Secret. */
  readonly data: string
}

/** `octets` as lines to be typed: the number, groups of five letters, a checksum over both. Secret. */
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

/** A line as it was typed, or what is wrong with it, in words that hold nothing of it but its number. */
export function readLine(typed: string, place: string): PaperLine | string {
  const text = asPrinted(typed)
  const [, label, digits = ''] = /^(K|S\d\d)(\d\d)/.exec(text) ?? []
  if (label === undefined) return `${place} does not begin with the number of a line, such as K07 or S02-01`
  const part = label as Part
  const number = Number(digits)
  const letters = text.slice(label.length + digits.length)
  const data = letters.slice(0, -CHECK_LETTERS)
  if (fromCrockford(data) !== null && letters.slice(-CHECK_LETTERS) === checksum(part, number, data)) {
    return { part, number, data }
  }
  const full = DATA_LETTERS + CHECK_LETTERS
  const count = letters.length === full ? '' : `, ${letters.length} letters behind its number (most lines have ${full})`
  return `line ${lineName(part, number)} has a typing mistake${count}`
}

/** 20 bits over the line's number and its letters: a slip goes unseen once in a million, and the digest of all sees that. */
function checksum(part: Part, number: number, letters: string): string {
  const hash = createHash('sha256')
    .update(`${lineName(part, number)} ${letters}`)
    .digest()
  return toCrockford(hash).slice(0, CHECK_LETTERS)
}
