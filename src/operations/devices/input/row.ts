import * as z from 'zod/mini'
import { FpkiError } from '../../../errors.js'
import { MAX_CSR_BYTES } from '../../../pki/csr.js'
import { printable } from '../../../printable.js'
import type { FileProblem } from '../../../storage/input-files.js'
import { isDer, requestProblem } from './request-problem.js'

/** One device of a batch, as it is read; nothing of it is checked but its form, and only `at` is printable. */
export interface DeviceInput {
  /** Where it is in the input: `line 7`, or the name of a file. */
  readonly at: string
  /** PEM text or DER; null: a key is made for the device. */
  readonly csr: string | Uint8Array | null
  /** As it is written; null: the CSR names it. */
  readonly uuid: string | null
  readonly name: string | null
  readonly group: string | null
  readonly hardwareId: string | null
  /** The maker's own serial number. */
  readonly serialNumber: string | null
  /** null: the CSR or the command decides. */
  readonly isProduction: boolean | null
}

/** A row that cannot be read; the rows after it can. */
interface UnreadableInput {
  readonly at: string
  /** A clause. Printable. */
  readonly problem: string
}

/** What a reader yields. */
export type InputRow = DeviceInput | UnreadableInput

/** A row has one request, escaped perhaps, and a few short texts. */
export const MAX_ROW_BYTES = 2 * MAX_CSR_BYTES

/** Longer than any name, and short enough for every column of a register or a file name of an output. */
const MAX_TEXT = 256

const text = z.nullish(z.string().check(z.trim(), z.maxLength(MAX_TEXT)))
const request = z.nullish(z.string().check(z.maxLength(MAX_CSR_BYTES)))

/** The members of a row, under the names of CSV columns and of JSON members; others are ignored. */
const row = z.object({
  uuid: text,
  name: text,
  group: text,
  'hardware-id': text,
  serial: text,
  // Spreadsheets write TRUE.
  production: z.nullish(
    z.union([
      z.boolean(),
      z.pipe(z.string().check(z.trim(), z.toLowerCase()), z.enum(['true', 'false', 'yes', 'no', '1', '0', ''])),
    ]),
  ),
  csr: request,
  'csr-file': text,
  // AWS's names for the same.
  ThingName: text,
  SerialNumber: text,
  CSR: request,
})

/** The columns that a CSV file may have. */
export const COLUMNS: readonly string[] = [
  'uuid',
  'name',
  'group',
  'hardware-id',
  'serial',
  'production',
  'csr',
  'csr-file',
]

/** Reads the file that a row names, below the folder of the input. */
export type ReadCsrFile = (name: string) => Uint8Array | FileProblem

/** One row from its members, as CSV and JSON lines have them. */
export function inputFrom(members: unknown, at: string, readCsrFile: ReadCsrFile): InputRow {
  const { data, error } = row.safeParse(members)
  if (data === undefined) return { at, problem: memberProblem(error.issues[0]) }
  const uuid = blankToNull(data.uuid ?? data.ThingName)
  const csr = requestOf(blankToNull(data['csr-file']), blankToNull(data.csr ?? data.CSR), readCsrFile)
  if (csr === null && uuid === null) return { at, problem: 'it has neither a request nor a uuid' }
  if (csr !== null && typeof csr !== 'string' && 'problem' in csr) return { at, problem: csr.problem }
  const input = csrInput(csr, at)
  if ('problem' in input) return input
  return {
    at,
    csr: input.csr,
    uuid,
    name: blankToNull(data.name),
    group: blankToNull(data.group),
    hardwareId: blankToNull(data['hardware-id']),
    serialNumber: blankToNull(data.serial ?? data.SerialNumber),
    isProduction: production(data.production),
  }
}

function requestOf(file: string | null, inline: string | null, readCsrFile: ReadCsrFile) {
  if (file === null) return unescapedPem(inline)
  if (inline !== null) return { problem: 'it has both csr and csr-file' }
  const content = readCsrFile(file)
  return 'problem' in content ? { problem: `its csr-file ${JSON.stringify(shown(file))}: ${content.problem}` } : content
}

/** A row that is a CSR and nothing else; an unreadable one when `csr` is evidently something else. */
export function csrInput(csr: string | Uint8Array | null, at: string): InputRow {
  const problem = csr === null ? null : requestProblem(csr)
  if (problem !== null) return { at, problem }
  const request = csr instanceof Uint8Array && !isDer(csr) ? Buffer.from(csr).toString('latin1') : csr
  return {
    at,
    csr: request,
    uuid: null,
    name: null,
    group: null,
    hardwareId: null,
    serialNumber: null,
    isProduction: null,
  }
}

/** The error for an input that cannot be read at all, or no further. */
export function unreadable(what: string, reason: string, hint: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `Cannot read ${what}: ${reason}.`, hint)
}

/** A text that others wrote, for a message. */
export function shown(untrusted: string): string {
  return printable(untrusted.length > MAX_TEXT ? `${untrusted.slice(0, MAX_TEXT)}…` : untrusted)
}

/** Spreadsheets and shells write the line ends of a PEM text as `\n`. */
function unescapedPem(pem: string | null): string | null {
  return pem?.includes('\\') ? pem.replace(/\\r?\\n|\\n/g, '\n') : pem
}

function production(value: boolean | string | null | undefined): boolean | null {
  if (value === undefined || value === null || value === '') return null
  return value === true || value === 'true' || value === 'yes' || value === '1'
}

function blankToNull(value: string | null | undefined): string | null {
  return value === undefined || value === null || value.trim() === '' ? null : value
}

function memberProblem(issue: z.core.$ZodIssue | undefined): string {
  const member = issue?.path[0]
  if (member === undefined) return 'it is not a JSON object'
  if (member === 'production') return 'production must be true, false, yes, no, 1 or 0'
  return issue?.code === 'too_big' ? `${String(member)} is too long` : `${String(member)} must be a string`
}
