import * as z from 'zod/mini'
import type { AuditLogPorts } from '../../../audit-log/audit-log.js'
import { FpkiError } from '../../../errors.js'
import { jsonDocument } from '../../../json-document.js'
import { openCaKey } from '../../../keystore/ca-key.js'
import type { KeyAccess } from '../../../keystore/root-key.js'
import { rfc3339 } from '../../../pki/describe.js'
import { provesPossession } from '../../../pki/possession.js'
import type { DurableFiles, Random } from '../../../ports.js'
import { sha256 } from '../../../sha256.js'
import { type OpenPki, openPki } from '../../open-pki.js'
import { requireFreeForReport, writeSignedReport } from '../../signed-report.js'
import { requireLine } from '../lines/require-line.js'
import { type DeviceIssuer, findDeviceIssuer } from '../open-issuer.js'
import type { RegisterChoice } from '../open-register.js'
import { readRegister } from '../query/read-register.js'
import { type Comparison, compare, type ReportWindow } from './compare.js'
import { reportText } from './report-text.js'
import { countShipped, type ShippedList } from './shipped.js'

const remark = z.strictObject({ uuid: z.string(), reason: z.string() })

/** What `fpki devices report --json` prints. */
export const reportDevicesResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  line: z.string(),
  /** The beginning and end of the window; null: none. */
  from: z.nullable(z.string()),
  to: z.nullable(z.string()),
  issued: z.int(),
  /** Of these, in production. */
  production: z.int(),
  /** SHA-256 of the issued UUIDs in ascending order, each with a line feed. */
  issuedSha256: z.string(),
  /** How many different devices the list of shipped devices has; null: none. */
  shipped: z.nullable(z.int()),
  /** Issued, not shipped. */
  missing: z.array(z.string()),
  /** Shipped, not issued. */
  extra: z.array(remark),
  /** Listed more than once, or issued more than one certificate. */
  twice: z.array(remark),
  /** The text of the report. */
  text: z.string(),
  /** Where the text and its signature were written, absolute; null: nothing was signed. */
  file: z.nullable(z.string()),
  signatureFile: z.nullable(z.string()),
  /** The hash of the signature. */
  hash: z.nullable(z.enum(['sha256', 'sha384', 'sha512'])),
})

/** See {@link reportDevicesResult}. */
export type ReportDevicesResult = z.infer<typeof reportDevicesResult>

/** What to report on. */
export interface ReportDevicesOptions extends RegisterChoice, ReportWindow {
  /** null: the factory that the directory records. */
  readonly factory: string | null
  readonly shipped: ShippedList | null
  /** Absolute path of a new file for the report; its signature is written to the same with `.sig`. null: nothing is signed. */
  readonly out: string | null
}

/** Ports of {@link reportDevices}. */
export interface ReportDevicesPorts extends AuditLogPorts {
  readonly files: DurableFiles
  readonly random: Random
  readonly access: KeyAccess
}

/**
 * Reports which devices a line issued, against a list of those that were shipped. With `out`, the line's device CA signs the
 * text, and the signature is recorded in the audit log; otherwise nothing is changed.
 *
 * @throws FpkiError ERR_USAGE for a file in a PKI directory; ERR_LINE when there is no such line; ERR_BAD_FILE for the list; ERR_EXISTS when a file of `out` exists;
 *   ERR_NOT_INITIALIZED without a register; as openPki, and for the CA and its key as findDeviceIssuer and openCaKey
 */
export async function reportDevices(
  options: ReportDevicesOptions,
  ports: ReportDevicesPorts,
): Promise<ReportDevicesResult> {
  checkWindow(options)
  const { out } = options
  const pki = await openPki(ports.files, options.directory, options.factory)
  if (out !== null) await requireFreeForReport({ ...options, out, isSigned: true }, ports.files)
  const shipped = options.shipped === null ? null : countShipped(options.shipped)
  const { line, compared } = await readRegister(options, ports, async ({ register }) => ({
    line: await requireLine(register, { directory: options.directory, name: options.line }),
    compared: await compare(register, options, shipped),
  }))
  const shippedHash = options.shipped === null ? null : sha256(options.shipped.content)
  const head = { ...options, factory: pki.factory, madeAt: ports.clock(), shippedHash }
  const place = { factory: pki.factory, directory: pki.directory.path }
  if (out === null) {
    const text = reportText({ ...head, ca: null }, compared)
    return { ...place, ...documentOf(options, compared), text, file: null, signatureFile: null, hash: null }
  }
  const issuer = await findDeviceIssuer(pki, { file: null, bound: line.ca }, ports.clock())
  const text = reportText({ ...head, ca: issuer.fingerprint }, compared)
  const signed = await signReport(pki, issuer, { text, out, line: line.name }, ports)
  return { ...place, ...documentOf(options, compared), text, file: out, ...signed }
}

function checkWindow({ from, to }: ReportWindow): void {
  if (from === null || to === null || from < to) return
  throw new FpkiError('ERR_USAGE', 'The window ends before it begins.', 'Give a later end.', { option: 'to' })
}

function documentOf({ line, from, to }: ReportWindow, { issuedHash, missing, extra, twice, ...counts }: Comparison) {
  return {
    line,
    from: from === null ? null : rfc3339(from),
    to: to === null ? null : rfc3339(to),
    ...counts,
    issuedSha256: issuedHash,
    missing: [...missing],
    extra: [...extra],
    twice: [...twice],
  }
}

/** Signs a report with the key of a device CA, and writes both. */
async function signReport(
  { directory }: OpenPki,
  { ca, file, key }: DeviceIssuer,
  { text, out, line }: { readonly text: string; readonly out: string; readonly line: string },
  ports: ReportDevicesPorts,
) {
  const { signer, close } = await openCaKey({ directory, key, certified: ca.spki }, ports.access)
  try {
    if (!(await provesPossession(signer, ca.spki))) throw keyMismatch(directory.path, file)
    const what = `a report on the line ${line} with the key of ${file}`
    const by = { directory, certificate: ca, file, signer }
    return await writeSignedReport({ command: 'devices report', what, text, out, ...by }, null, ports)
  } finally {
    await close()
  }
}

function keyMismatch(directory: string, file: string): FpkiError {
  const hint = 'Nothing was written. Restore both from a backup.'
  return new FpkiError('ERR_BAD_KEY', `The key of ${directory}/${file} is not the key of that certificate.`, hint)
}
