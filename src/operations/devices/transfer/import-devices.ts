import * as z from 'zod/mini'
import type { AuditLog } from '../../../audit-log/audit-log.js'
import { chunksOf } from '../../../chunks.js'
import type { DeviceRegister, ImportedCertificate } from '../../../devices/register.js'
import { readableCertificates } from '../../../directory/certificate-files.js'
import { isCertificateFile, PKI_FILES } from '../../../directory/names.js'
import { rootFingerprints } from '../../../directory/root-certificates.js'
import { FpkiError } from '../../../errors.js'
import { withAuditLog } from '../../../journal/keep-records.js'
import { jsonDocument } from '../../../json-document.js'
import { isIssuedBy } from '../../../pki/read-certificate.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../../../ports.js'
import type { InputFiles } from '../../../storage/input-files.js'
import { type OpenPki, openPkiOfRoot } from '../../open-pki.js'
import { caFingerprint } from '../ca-fingerprint.js'
import { readError } from '../input/octets.js'
import { unreadable } from '../input/row.js'
import { NEW_LINE } from '../lines/line-settings.js'
import { openRegister } from '../open-register.js'
import { loggedHead } from '../record-head.js'
import { type CheckedRow, checkRow, type RefusedRow, type RowChecks } from './check-row.js'
import { checkWhole, type TransferSummary, transferLines } from './read-transfer.js'

/** What `fpki devices import --json` prints. */
export const importDevicesResult = jsonDocument({
  /** The file, or the folder of --registration-ref, absolute. */
  file: z.string(),
  directory: z.string(),
  factory: z.string(),
  /** The certificates in the file: those that are new here, that were here, and that were refused. */
  imported: z.int(),
  existing: z.int(),
  refused: z.int(),
  /** The first 1,000 refused rows: `line` is of the file, from 1; with --registration-ref, `name` is the file in the folder. */
  refusals: z.array(
    z.strictObject({
      line: z.nullable(z.int()),
      name: z.nullable(z.string()),
      uuid: z.nullable(z.string()),
      code: z.string(),
      reason: z.string(),
    }),
  ),
  /** Lines that have issued more devices than their quota. Their certificates were imported nevertheless. */
  overQuota: z.array(z.strictObject({ line: z.string(), quota: z.int(), issued: z.int() })),
  /** Lines that this register did not have; they were created, paused. */
  newLines: z.array(z.string()),
})

/** See {@link importDevicesResult}. */
export type ImportDevicesResult = z.infer<typeof importDevicesResult>

/** Options of `devices import`. */
export interface ImportDevicesOptions {
  /** The PKI directory, absolute. */
  readonly directory: string
  readonly factory: string | null
  /** A file of `devices export`, absolute. */
  readonly file: string
  readonly store: string | null
}

/** Ports of {@link importDevices}. */
export interface ImportDevicesPorts {
  readonly files: DurableFiles
  readonly inputs: Pick<InputFiles, 'octets' | 'kindOf'>
  readonly clock: Clock
  readonly random: Random
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** Certificates of one transaction. */
const CHUNK = 256
/** How many refused rows or files are reported one by one. */
export const MAX_REASONS = 1000
/** The command, as the audit log names it. */
export const IMPORT_DEVICES = 'devices import'

/**
 * Imports the device certificates that a kit has issued. The whole file is read once before anything changes, so that a
 * truncated or changed one is refused; then every certificate is checked as if nobody had checked it before. Certificates
 * that the register has already stay as they are, so that the import can be repeated. What was issued is recorded even when
 * it is more than the quota of its line.
 *
 * @throws FpkiError as openPki and openDeviceRegister do; ERR_KIT; ERR_BAD_FILE when the file is missing, damaged or not one of
 *   `devices export`; ERR_OTHER_ROOT when it is of another PKI; the reason of the signal
 */
export async function importDevices(
  options: ImportDevicesOptions,
  ports: ImportDevicesPorts,
): Promise<ImportDevicesResult> {
  const { file } = options
  const pki = await openPkiOfRoot(ports.files, options.directory, options.factory)
  requireFile(file, ports.inputs)
  const summary = await checkWhole(octetsOf(file, ports.inputs), file)
  await requireSamePki(summary, pki, file)
  return withAuditLog(pki.directory, IMPORT_DEVICES, ports, null, async (auditLog) => {
    const register = await openRegister(options, ports)
    try {
      return await importAll(options, { pki, register, summary, auditLog }, ports)
    } finally {
      await register.close()
    }
  })
}

interface Import {
  readonly pki: OpenPki
  readonly register: DeviceRegister
  readonly summary: TransferSummary
  readonly auditLog: AuditLog
}

async function importAll(
  { file, store }: ImportDevicesOptions,
  { pki, register, summary, auditLog }: Import,
  ports: ImportDevicesPorts,
): Promise<ImportDevicesResult> {
  const state: State = {
    counts: { imported: 0, existing: 0, refused: 0 },
    refusals: [],
    lines: new Set(),
    newLines: [],
  }
  const checks = await checksOf(pki, ports)
  for await (const rows of chunksOf(rowsOf(octetsOf(file, ports.inputs), summary.certificates), CHUNK)) {
    ports.signal.throwIfAborted()
    await importChunk(
      rows.map((row) => checkRow(row, checks)),
      state,
      register,
      ports,
    )
  }
  const text = `Imported ${state.counts.imported} device certificates from ${file}; ${state.counts.existing} existed, ${state.counts.refused} were refused.`
  await auditLog.logRegister(await loggedHead({ register, store }, pki.directory.path), text)
  const overQuota = await linesOverQuota(register, state.lines)
  const { factory, directory } = pki
  // In the order of the file.
  const refusals = state.refusals.toSorted((a, b) => a.line - b.line).map((row) => ({ ...row, name: null }))
  return { file, directory: directory.path, factory, ...state.counts, refusals, overQuota, newLines: state.newLines }
}

/** What an import has done so far. */
interface State {
  readonly counts: { imported: number; existing: number; refused: number }
  readonly refusals: RefusedRow[]
  /** The lines of the certificates. */
  readonly lines: Set<string>
  readonly newLines: string[]
}

/** One transaction for each line of the chunk. */
async function importChunk(
  checked: readonly CheckedRow[],
  state: State,
  register: DeviceRegister,
  ports: ImportDevicesPorts,
): Promise<void> {
  const good = checked.filter((one) => 'certificate' in one)
  for (const row of checked) if (!('certificate' in row)) refuse(state, row)
  state.newLines.push(...(await createMissingLines(register, good, state.lines, ports)))
  const outcomes = await register.importCertificates(good.map(({ certificate }) => certificate))
  for (const [at, outcome] of outcomes.entries()) {
    const row = good[at]
    if (outcome.kind !== 'refused') state.counts[outcome.kind]++
    else if (row !== undefined) refuse(state, { line: row.line, uuid: row.certificate.uuid, ...outcome.refusal })
  }
}

function refuse({ counts, refusals }: State, row: RefusedRow): void {
  counts.refused++
  if (refusals.length < MAX_REASONS) refusals.push(row)
}

/** The rows between the header and the last line. */
async function* rowsOf(octets: AsyncIterable<Uint8Array>, count: number) {
  for await (const lines of transferLines(octets)) yield lines.filter(({ number }) => number > 1 && number <= count + 1)
}

async function checksOf({ directory, root, factory }: OpenPki, { clock }: ImportDevicesPorts): Promise<RowChecks> {
  // No certificate of a CA whose file is broken can be checked: it is refused.
  const isDeviceCa = (name: string) => isCertificateFile(name) && name !== PKI_FILES.rootCertificate
  const found = (await readableCertificates(directory, isDeviceCa)).map(({ certificate }) => certificate)
  const cas = new Map(found.filter((ca) => isIssuedBy(ca, root)).map((ca) => [caFingerprint(ca), ca]))
  return { factory, root, cas, now: clock() }
}

/** A certificate exists, whatever its line: an unknown one is created, but issues nothing here. */
async function createMissingLines(
  register: DeviceRegister,
  rows: readonly { readonly certificate: ImportedCertificate }[],
  seen: Set<string>,
  { clock }: ImportDevicesPorts,
): Promise<readonly string[]> {
  const created: string[] = []
  for (const { certificate } of rows) {
    if (seen.has(certificate.line)) continue
    seen.add(certificate.line)
    if ((await register.lines.get(certificate.line)) !== null) continue
    await register.lines.create(
      certificate.line,
      { ...NEW_LINE, ca: certificate.ca, allowsProduction: true },
      clock().getTime(),
    )
    await register.lines.change(certificate.line, { state: 'paused' })
    created.push(certificate.line)
  }
  return created
}

async function linesOverQuota(register: DeviceRegister, names: ReadonlySet<string>) {
  const lines = (await register.lines.list()).filter(({ name }) => names.has(name))
  return lines.flatMap(({ name, quota, issued }) =>
    quota !== null && issued > quota ? [{ line: name, quota, issued }] : [],
  )
}

async function requireSamePki({ header }: TransferSummary, pki: OpenPki, file: string): Promise<void> {
  const { directory, factory } = pki
  if (header.factory === factory && (await rootFingerprints(directory)).includes(header.rootFingerprint)) return
  throw new FpkiError(
    'ERR_OTHER_ROOT',
    `${file} is from another PKI: of the factory ${JSON.stringify(header.factory)}, root SHA-256 ${header.rootFingerprint}.`,
    'Nothing was imported. Pass the PKI directory that the kit was exported from.',
  )
}

function requireFile(file: string, { kindOf }: Pick<InputFiles, 'kindOf'>): void {
  try {
    const kind = kindOf(file)
    if (kind === 'file') return
    const reason = kind === null ? 'there is no such file' : 'it is not a regular file'
    throw unreadable(file, reason, 'Nothing was imported. Pass a file that `devices export` has written.')
  } catch (error) {
    throw readError(error, file)
  }
}

/** The octets of a file. Throws ERR_BAD_FILE when it cannot be read any further: it may be on a stick that was removed. */
async function* octetsOf(file: string, { octets }: Pick<InputFiles, 'octets'>): AsyncGenerator<Uint8Array> {
  try {
    yield* octets(file)
  } catch (error) {
    throw readError(error, file)
  }
}
