import { foreignFormat } from '../../../pki/foreign-format.js'
import { isCsvHeader } from './csv.js'
import { isDer } from './request-problem.js'
import { unreadable } from './row.js'
import { separatorOf } from './separator.js'

/** The formats of an input that is not a folder, as `--format` names them. */
export type StreamFormat = 'csv' | 'jsonl' | 'pem' | 'tar' | 'uuids'

/** Enough for the header of a tar archive, and for the text that OpenSSL prints before a PEM block. */
export const HEAD_BYTES = 8 * 1024

const EXTENSIONS: Readonly<Record<string, StreamFormat>> = {
  csr: 'pem',
  csv: 'csv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  pem: 'pem',
  tar: 'tar',
  tsv: 'csv',
}

const UUID_LINE = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i

/** Whether octets begin like gzip (RFC 1952, section 2.3.1). */
export function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b
}

/** Throws ERR_BAD_FILE when the beginning of an input shows that it cannot be `format`, or any format for `auto`. */
export function checkHead(head: Buffer, what: string, format: StreamFormat | 'auto'): void {
  const problem = headProblem(head, format)
  if (problem !== null) throw unreadable(what, ...problem)
}

function headProblem(head: Buffer, format: StreamFormat | 'auto'): readonly [reason: string, hint: string] | null {
  if (head.length === 0) return ['it is empty', 'Expected requests, or a list of devices.']
  if (startsLikeZip(head)) return ['it is a spreadsheet or a ZIP archive', 'Save the spreadsheet as "CSV UTF-8".']
  if (isUtf16(head)) return ['it is UTF-16 (PowerShell redirection writes that)', 'Save it as UTF-8.']
  if (format === 'tar') return null
  if (isTar(head)) return format === 'auto' ? null : ['it is a tar archive', 'Use --format tar, or --format auto.']
  if (isDer(head) && (format === 'auto' || format === 'pem')) return null
  return isBinary(head) ? ['it is binary, and neither DER nor a tar archive', FORMATS] : null
}

function startsLikeZip(head: Buffer): boolean {
  return head.subarray(0, 4).equals(Buffer.from('PK\x03\x04'))
}

/** The format of an input, by its content first and then its name. Throws ERR_BAD_FILE when it is unknown. */
export function detectFormat(head: Buffer, path: string | null, what: string): StreamFormat {
  const format = formatOf(head) ?? EXTENSIONS[/\.([^./]*)$/.exec(path ?? '')?.[1]?.toLowerCase() ?? '']
  if (format !== undefined) return format
  throw unreadable(what, foreignFormat(head) ?? 'its format is unknown', FORMATS)
}

const FORMATS =
  'Say what it is: --format csv, jsonl, pem, dir, tar or uuids. A CSV file begins with a line that names its columns.'

function formatOf(head: Buffer): StreamFormat | null {
  if (isTar(head)) return 'tar'
  if (isDer(head)) return 'pem'
  const text = head.toString('utf8').replace(/^\ufeff/, '')
  const first =
    text
      .split('\n')
      .find((line, at) => line.trim() !== '' && !line.startsWith('#') && !(at === 0 && separatorOf(line) !== null))
      ?.trim() ?? ''
  if (first.startsWith('{') || first.startsWith('[')) return 'jsonl'
  if (isCsvHeader(first.split(/[,;\t]/).map((cell) => cell.replaceAll('"', '').trim().toLowerCase()))) return 'csv'
  if (/^-----BEGIN /m.test(text)) return 'pem'
  return UUID_LINE.test(first) ? 'uuids' : null
}

/** POSIX.1 and GNU have the same magic. */
function isTar(head: Buffer): boolean {
  return head.subarray(257, 262).toString('latin1') === 'ustar'
}

/** Text has no NUL. */
function isBinary(head: Buffer): boolean {
  return head.includes(0) || isDer(head)
}

/** A byte order mark, or ASCII characters with a NUL before or after each. */
function isUtf16(head: Buffer): boolean {
  const [first, second] = head
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true
  const start = [...head.subarray(0, 32 - (head.length % 2))]
  if (start.length < 2) return false
  return [0, 1].some((half) => start.every((octet, at) => (octet === 0) === (at % 2 === half)))
}
