import { sameOctets } from '../../pki/octets.js'
import { decodeOnePem } from '../../pki/pem.js'
import { badLines, decodeFrame, digestOf, encodeFrame, KIND, nameOf } from './frame.js'
import { type PaperLine, type Part, readLine, toLines } from './lines.js'

/** The private key as it is on paper. */
export interface PaperKey {
  /** PKCS#8, DER. Secret, encrypted or not. */
  readonly der: Uint8Array
  readonly isEncrypted: boolean
  /** The first 16 octets of the SHA-256 of its public key; null: it was scanned, and the code has the key only. */
  readonly publicKeyDigest: Uint8Array | null
}

/** One share of a passphrase. */
export interface PaperShare {
  /** So many shares make the passphrase. */
  readonly threshold: number
  readonly count: number
  /** From 1. */
  readonly number: number
  /** Which key it is for: see {@link keyDigest}. */
  readonly key: Uint8Array
  /** Secret. */
  readonly share: Uint8Array
}

/** More mistakes than this are another file. */
const MOST_TOLD = 30

const PUBLIC_KEY_DIGEST_OCTETS = 16
const SHARE_HEADER_OCTETS = 11

/** What binds shares to the one encryption of a key that they open. */
export function keyDigest({ der }: PaperKey): Uint8Array {
  return digestOf(der)
}

/** The lines of a key. Secret. */
export function keyLines({ der, isEncrypted, publicKeyDigest }: PaperKey): readonly string[] {
  const digest = (publicKeyDigest ?? Uint8Array.of()).subarray(0, PUBLIC_KEY_DIGEST_OCTETS)
  const kind = isEncrypted ? KIND.encryptedKey : KIND.clearKey
  return toLines('K', encodeFrame({ kind, body: Buffer.concat([digest, der]) }))
}

/** The lines of a share. Secret. */
export function shareLines({ threshold, count, number, key, share }: PaperShare): readonly string[] {
  const body = Buffer.concat([Buffer.of(threshold, count, number), key, share])
  return toLines(`S${String(number).padStart(2, '0')}`, encodeFrame({ kind: KIND.share, body }))
}

/** What was typed or scanned. */
export interface TypedPaper {
  readonly key: PaperKey
  /** Each number once. */
  readonly shares: readonly PaperShare[]
}

/**
 * Reads the lines of one or more sheets, or what their QR codes hold, in any order; `#` begins a remark.
 *
 * @throws FpkiError ERR_BAD_FILE, which names the lines with a mistake, or those that are missing
 */
export function readPaper(text: string): TypedPaper {
  const { blocks, rest } = withoutBlocks(text.replace(/^QR-Code:/gm, ''))
  const typed = rest.map((line, at) => ({ line, place: `line ${at + 1} of the input` }))
  const read = typed.filter(({ line }) => /^\s*[^#\s]/.test(line)).map(({ line, place }) => readLine(line, place))
  const mistakes = [...new Set(read.filter((line) => typeof line === 'string'))]
  const more = mistakes.splice(MOST_TOLD).length
  if (mistakes.length > 0) throw badLines(...mistakes, ...(more === 0 ? [] : [`and ${more} more`]))
  const lines = read.filter((line) => typeof line !== 'string')
  const linesOf = (part: Part) => lines.filter((line) => line.part === part)
  const keys = [...blocks, ...keysOf(linesOf('K'))]
  const [key, other] = keys
  if (key === undefined) throw badLines('there are no lines of a key, those that begin with K')
  if (keys.some(({ der }) => !sameOctets(der, key.der))) throw badLines('there are keys of different sheets')
  const parts = new Set(lines.map(({ part }) => part))
  const shares = [...parts].flatMap((part) => (part === 'K' ? [] : [shareOf(part, linesOf(part))]))
  return { key: other ?? key, shares }
}

/** What is wrong with a line that was just typed, as {@link readPaper} would say; null: nothing. */
export function lineProblem(typed: string): string | null {
  const read = readLine(typed, 'it')
  return typeof read === 'string' ? read : null
}

function keysOf(lines: readonly PaperLine[]): readonly PaperKey[] {
  if (lines.length === 0) return []
  const { kind, body } = decodeFrame('K', lines)
  if (kind !== KIND.encryptedKey && kind !== KIND.clearKey) throw badLines('the lines of the key hold something else')
  const [digest, der] = [body.subarray(0, PUBLIC_KEY_DIGEST_OCTETS), body.subarray(PUBLIC_KEY_DIGEST_OCTETS)]
  return [{ der, isEncrypted: kind === KIND.encryptedKey, publicKeyDigest: digest }]
}

function shareOf(part: Part, lines: readonly PaperLine[]): PaperShare {
  const { kind, body } = decodeFrame(part, lines)
  const [threshold = 0, count = 0, number = 0] = body
  if (kind !== KIND.share || body.length <= SHARE_HEADER_OCTETS) throw badLines(`${nameOf(part)} holds something else`)
  const share = body.subarray(SHARE_HEADER_OCTETS)
  return { threshold, count, number, key: body.subarray(3, SHARE_HEADER_OCTETS), share }
}

/** A block of a QR code; pki/pem.ts reads it. */
const BLOCK = /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----[^-]+-----END \1PRIVATE KEY-----/g

/** The keys of PEM blocks, which the QR codes hold, and the lines around them. */
function withoutBlocks(text: string): { readonly blocks: readonly PaperKey[]; readonly rest: readonly string[] } {
  const blocks = [...text.matchAll(BLOCK)].map(([pem, encrypted]) => {
    const isEncrypted = encrypted !== undefined
    const der = decodeOnePem(isEncrypted ? 'ENCRYPTED PRIVATE KEY' : 'PRIVATE KEY', pem, 'the QR code of the key')
    return { der, isEncrypted, publicKeyDigest: null }
  })
  return { blocks, rest: text.replace(BLOCK, '').split('\n') }
}
