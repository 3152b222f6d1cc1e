import { FpkiError } from '../../errors.js'
import { sameOctets } from '../../pki/octets.js'
import { decodeOnePem } from '../../pki/pem.js'
import { decodeFrame, digestOf, encodeFrame, KIND, nameOf, sheetError } from './frame.js'
import { hasLineNumber, LINE_NUMBER_IN_WORDS, type PaperLine, type Part, readLine, toLines } from './lines.js'

/** A private key as printed on a sheet. */
export interface PaperKey {
  /** PKCS#8, DER. Secret, encrypted or not. */
  readonly der: Uint8Array
  readonly isEncrypted: boolean
  /** The first 16 octets of the SHA-256 of its public key; null: scanned from a QR code, which has the key only. */
  readonly publicKeyDigest: Uint8Array | null
}

/** One share of a passphrase. */
export interface PaperShare {
  /** How many shares recover the passphrase. */
  readonly threshold: number
  readonly count: number
  /** From 1. */
  readonly number: number
  /** Identifies the key that it is for: see {@link keyDigest}. */
  readonly key: Uint8Array
  /** Secret. */
  readonly share: Uint8Array
}

/** With more errors than this, the file is not a typed sheet. */
const MAX_REPORTED = 30

const PUBLIC_KEY_DIGEST_OCTETS = 16
const SHARE_HEADER_OCTETS = 11

/** Binds shares to the encrypted key that they were printed with. */
export function keyDigest({ der }: PaperKey): Uint8Array {
  return digestOf(der)
}

/** The lines that carry a key. Secret. */
export function keyLines({ der, isEncrypted, publicKeyDigest }: PaperKey): readonly string[] {
  const digest = (publicKeyDigest ?? Uint8Array.of()).subarray(0, PUBLIC_KEY_DIGEST_OCTETS)
  const kind = isEncrypted ? KIND.encryptedKey : KIND.clearKey
  return toLines('K', encodeFrame({ kind, body: Buffer.concat([digest, der]) }))
}

/** The lines that carry a share. Secret. */
export function shareLines({ threshold, count, number, key, share }: PaperShare): readonly string[] {
  const body = Buffer.concat([Buffer.of(threshold, count, number), key, share])
  return toLines(`S${String(number).padStart(2, '0')}`, encodeFrame({ kind: KIND.share, body }))
}

/** A key and its shares, as typed or scanned. */
export interface TypedPaper {
  readonly key: PaperKey
  /** Without duplicates. */
  readonly shares: readonly PaperShare[]
}

/**
 * Reads the lines of one or more sheets, or the contents of their QR codes, in any order; `#` starts a comment.
 *
 * @throws FpkiError ERR_BAD_FILE, naming the lines that have a typing error or are missing
 */
export function readPaper(text: string): TypedPaper {
  const { blocks, rest } = extractPemBlocks(text.replace(/^QR-Code:/gm, ''))
  const numbered = rest.map((line, at) => ({ line, place: `line ${at + 1} of the input` }))
  const typed = numbered.filter(({ line }) => /^\s*[^#\s]/.test(line))
  if (blocks.length === 0) requireSheet(typed.map(({ line }) => line))
  const read = typed.map(({ line, place }) => readLine(line, place))
  const problems = [...new Set(read.filter((line) => typeof line === 'string'))]
  const omitted = problems.splice(MAX_REPORTED).length
  if (problems.length > 0) throw sheetError(...problems, ...(omitted === 0 ? [] : [`and ${omitted} more`]))
  const lines = read.filter((line) => typeof line !== 'string')
  const linesOf = (part: Part) => lines.filter((line) => line.part === part)
  const keys = [...blocks, ...keysOf(linesOf('K'))]
  const [key, other] = keys
  if (key === undefined) throw sheetError('the lines of the key (K01, K02, …) are missing')
  if (keys.some(({ der }) => !sameOctets(der, key.der))) throw sheetError('the keys are from different sheets')
  const parts = new Set(lines.map(({ part }) => part))
  const shares = [...parts].flatMap((part) => (part === 'K' ? [] : [shareOf(part, linesOf(part))]))
  return { key: other ?? key, shares }
}

/** What is wrong with one typed line, as {@link readPaper} reports it; null: nothing. */
export function lineProblem(typed: string): string | null {
  const read = readLine(typed, 'it')
  return typeof read === 'string' ? read : null
}

/** One message for a file that is not a sheet at all, rather than one for each of its lines. */
function requireSheet(lines: readonly string[]): void {
  if (lines.length === 0 || lines.some(hasLineNumber)) return
  const reason = lines.some((line) => line.includes('\0'))
    ? 'it is not UTF-8 text (PowerShell 5 redirects as UTF-16); save it as UTF-8'
    : `no line starts with a ${LINE_NUMBER_IN_WORDS}`
  const hint = 'Nothing was written. Type or scan the lines of a sheet, with their line numbers.'
  throw new FpkiError('ERR_BAD_FILE', `The input is not a key sheet: ${reason}.`, hint)
}

function keysOf(lines: readonly PaperLine[]): readonly PaperKey[] {
  if (lines.length === 0) return []
  const { kind, body } = decodeFrame('K', lines)
  if (kind !== KIND.encryptedKey && kind !== KIND.clearKey)
    throw sheetError('the lines of the key do not contain a key')
  const [digest, der] = [body.subarray(0, PUBLIC_KEY_DIGEST_OCTETS), body.subarray(PUBLIC_KEY_DIGEST_OCTETS)]
  return [{ der, isEncrypted: kind === KIND.encryptedKey, publicKeyDigest: digest }]
}

function shareOf(part: Part, lines: readonly PaperLine[]): PaperShare {
  const { kind, body } = decodeFrame(part, lines)
  const [threshold = 0, count = 0, number = 0] = body
  if (kind !== KIND.share || body.length <= SHARE_HEADER_OCTETS)
    throw sheetError(`the lines of ${nameOf(part)} do not contain a share`)
  const share = body.subarray(SHARE_HEADER_OCTETS)
  return { threshold, count, number, key: body.subarray(3, SHARE_HEADER_OCTETS), share }
}

/** The PEM block in the QR code of a key; pki/pem.ts parses it. */
const BLOCK = /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----[^-]+-----END \1PRIVATE KEY-----/g

/** The keys in PEM blocks (scanned QR codes), and the other lines. */
function extractPemBlocks(text: string): { readonly blocks: readonly PaperKey[]; readonly rest: readonly string[] } {
  const blocks = [...text.matchAll(BLOCK)].map(([pem, encrypted]) => {
    const isEncrypted = encrypted !== undefined
    const der = decodeOnePem(isEncrypted ? 'ENCRYPTED PRIVATE KEY' : 'PRIVATE KEY', pem, 'the QR code of the key')
    return { der, isEncrypted, publicKeyDigest: null }
  })
  return { blocks, rest: text.replace(BLOCK, '').split('\n') }
}
