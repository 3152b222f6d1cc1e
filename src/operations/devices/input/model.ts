import * as z from 'zod/mini'
import { FpkiError } from '../../../errors.js'

/** One device of a batch, as it is read; nothing of it is checked but its form. */
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
  /** null: the CSR, or the command, says it. */
  readonly isProduction: boolean | null
}

/** A row that cannot be read; the rows after it can. */
export interface UnreadableInput {
  readonly at: string
  /** A clause. */
  readonly problem: string
}

/** What a reader yields. */
export type InputRow = DeviceInput | UnreadableInput

/** A cell, a member or a file that is larger is not read: a request has 600 octets or so. */
export const MAX_CSR_BYTES = 64 * 1024
const MAX_TEXT = 256

const text = z.string().check(z.trim(), z.maxLength(MAX_TEXT))
const flag = z.union([z.boolean(), z.literal(['true', 'false', 'yes', 'no', '1', '0', ''])])

/** The members of a row, under the names of CSV columns and of JSON members; others are ignored. */
const row = z.object({
  uuid: z.optional(text),
  name: z.optional(text),
  group: z.optional(text),
  'hardware-id': z.optional(text),
  serial: z.optional(text),
  production: z.optional(flag),
  csr: z.optional(z.string().check(z.maxLength(MAX_CSR_BYTES))),
  'csr-file': z.optional(text),
  // AWS's names for the same.
  ThingName: z.optional(text),
  SerialNumber: z.optional(text),
  CSR: z.optional(z.string().check(z.maxLength(MAX_CSR_BYTES))),
})

/** The columns that a CSV file may have. */
export const COLUMNS: readonly string[] = ['uuid', 'name', 'group', 'hardware-id', 'serial', 'production', 'csr', 'csr-file']

/** Reads the file that a row names, below the folder of the input. Resolves to null when it is not there. */
export type ReadCsrFile = (name: string) => Promise<Uint8Array | null>

/** One row from its members, as CSV and JSON lines have them. */
export async function inputFrom(members: unknown, at: string, readCsrFile: ReadCsrFile): Promise<InputRow> {
  const { data, error } = row.safeParse(members)
  if (data === undefined) return { at, problem: firstProblem(error) }
  const file = blankToNull(data['csr-file'])
  const inline = blankToNull(data.csr ?? data.CSR)
  if (file !== null && inline !== null) return { at, problem: 'it has both csr and csr-file' }
  const csr = file === null ? inline : await readCsrFile(file)
  if (file !== null && csr === null) return { at, problem: `its csr-file ${JSON.stringify(file)} is missing` }
  return {
    at,
    csr: typeof csr === 'string' ? unescapedPem(csr) : csr,
    uuid: blankToNull(data.uuid ?? data.ThingName),
    name: blankToNull(data.name),
    group: blankToNull(data.group),
    hardwareId: blankToNull(data['hardware-id']),
    serialNumber: blankToNull(data.serial ?? data.SerialNumber),
    isProduction: production(data.production),
  }
}

/** A row that is a CSR and nothing else. */
export function csrInput(csr: string | Uint8Array, at: string): DeviceInput {
  return { at, csr, uuid: null, name: null, group: null, hardwareId: null, serialNumber: null, isProduction: null }
}

/** The error for an input that cannot be read at all. */
export function unreadable(what: string, reason: string, hint: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `Cannot read ${what}: ${reason}.`, hint)
}

/** Spreadsheets and shells write the line ends of a PEM text as `\n`. */
function unescapedPem(pem: string): string {
  return pem.replace(/\\r?\\n|\\n/g, '\n')
}

function production(value: boolean | string | undefined): boolean | null {
  if (value === undefined || value === '') return null
  return value === true || ['true', 'yes', '1'].includes(String(value))
}

function blankToNull(value: string | undefined): string | null {
  return value === undefined || value.trim() === '' ? null : value
}

function firstProblem(error: z.core.$ZodError | undefined): string {
  const [issue] = error?.issues ?? []
  return issue === undefined ? 'it is not an object' : `${issue.path.join('.') || 'it'}: ${issue.message.toLowerCase()}`
}
