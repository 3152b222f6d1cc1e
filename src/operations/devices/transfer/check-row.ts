import type { ImportedCertificate } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { toUuid } from '../../../pki/device-policy.js'
import { keyHashOf } from '../../../pki/fingerprint.js'
import { attributeValues } from '../../../pki/name.js'
import { pathFault } from '../../../pki/path-validation/validate.js'
import { type Certificate, isIssuedBy, readCertificate } from '../../../pki/read-certificate.js'
import { parseJson } from '../../../storage/json-file.js'
import { lineClause, type TextLine } from '../../../storage/text-lines.js'
import { deviceProfileProblem } from '../device-profile.js'
import { type TransferRow, transferRow } from './format.js'

/** What a row is checked against. */
export interface RowChecks {
  readonly factory: string
  readonly root: Certificate
  /** The device CAs of the PKI directory that are valid, by their fingerprint. */
  readonly cas: ReadonlyMap<string, Certificate>
  readonly now: Date
}

/** Why a row is not imported. */
export interface RefusedRow {
  readonly line: number
  /** null: the row cannot be read. */
  readonly uuid: string | null
  readonly code: string
  /** A clause. */
  readonly reason: string
}

/** A row that was checked. */
export type CheckedRow = { readonly line: number; readonly certificate: ImportedCertificate } | RefusedRow

/** How far the clock of a plant may be ahead. */
const CLOCK_SKEW = 24 * 3_600_000

/** Checks a row as if nobody had checked it before: whoever carried the file may have changed it. */
export function checkRow({ number, text, problem }: TextLine, checks: RowChecks): CheckedRow {
  const parsed = transferRow.safeParse(parseJson(text ?? ''))
  if (!parsed.success) {
    const member = parsed.error.issues[0]?.path.join('.') || 'the line'
    return refused(number, null, 'row-malformed', problem === null ? `${member} is invalid` : lineClause(problem))
  }
  const row = parsed.data
  if ((row.state === 'active') !== (row.endedAt === null))
    return refused(number, row.uuid, 'row-malformed', 'its state and its end contradict each other')
  try {
    const certificate = readCertificate(Buffer.from(row.certificate, 'base64'), 'it')
    const refusal = issuerProblem(row, certificate, checks) ?? contentProblem(row, certificate, checks)
    if (refusal !== null) return refused(number, row.uuid, ...refusal)
    return { line: number, certificate: importedOf(row, certificate) }
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    return refused(number, row.uuid, 'certificate-malformed', clause(error.message))
  }
}

type Problem = readonly [code: string, reason: string]

function issuerProblem(row: TransferRow, certificate: Certificate, { cas, root }: RowChecks): Problem | null {
  const ca = cas.get(row.ca)
  if (ca === undefined)
    return ['unknown-ca', `its device CA (SHA-256 ${row.ca.slice(0, 16)}…) is not in the PKI directory`]
  if (!isIssuedBy(certificate, ca)) return ['signature', 'it is not signed by its device CA']
  // When it was issued: the device CA may have expired since.
  const fault = pathFault([root, ca, certificate], new Date(row.issuedAt))
  return fault === null ? null : ['path', fault]
}

function contentProblem(row: TransferRow, certificate: Certificate, checks: RowChecks): Problem | null {
  const { subject, publicKey, serialNumber, notAfter } = certificate
  const [names, units] = [attributeValues(subject, 'CN'), attributeValues(subject, 'OU')]
  const categories = attributeValues(subject, 'businessCategory')
  if (names.length !== 1 || toUuid(names[0] ?? '') !== row.uuid)
    return ['uuid-mismatch', 'its CN is not the UUID of the row']
  if (units.length !== 1 || units[0] !== checks.factory) return ['factory', `its OU is not ${checks.factory}`]
  if ((categories.join() === 'production') !== row.production || categories.length > 1)
    return ['production', 'its businessCategory does not match the row']
  if (publicKey.kind !== 'EC' || publicKey.curve !== 'P-256') return ['key', 'its key is not on P-256']
  if (BigInt(`0x${row.serial}`) !== serialNumber) return ['serial', 'its serial number is not that of the row']
  if (notAfter.getTime() !== Date.parse(row.notAfter))
    return ['not-after', 'it expires at another time than the row says']
  return timeProblem(row, checks) ?? profileProblem(certificate)
}

/** Only the end of a certificate may lie in the future. */
function timeProblem({ issuedAt, seenAt, denied }: TransferRow, { now }: RowChecks): Problem | null {
  const isFuture = (time: string | null) => time !== null && Date.parse(time) > now.getTime() + CLOCK_SKEW
  if (isFuture(issuedAt)) return ['clock', 'it was issued in the future']
  const isKnownTooEarly = isFuture(seenAt) || isFuture(denied?.at ?? null)
  return isKnownTooEarly ? ['clock', 'it was seen, or its device was denied, in the future'] : null
}

function profileProblem(certificate: Certificate): Problem | null {
  const problem = deviceProfileProblem(certificate)
  return problem === null ? null : ['profile', problem]
}

function importedOf(row: TransferRow, { spki, der }: Certificate): ImportedCertificate {
  const { uuid, line, ca, name, group, hardwareId, serialNumber, production, serial, state } = row
  return {
    ...{ uuid, line, ca, name, group, hardwareId, serialNumber, isProduction: production, serial, state, der },
    keyHash: keyHashOf(spki),
    issuedAt: Date.parse(row.issuedAt),
    notAfter: Date.parse(row.notAfter),
    endedAt: row.endedAt === null ? null : Date.parse(row.endedAt),
    seenAt: row.seenAt === null ? null : Date.parse(row.seenAt),
    denied: row.denied === null ? null : { at: Date.parse(row.denied.at), reason: row.denied.reason },
  }
}

function refused(line: number, uuid: string | null, code: string, reason: string): RefusedRow {
  return { line, uuid, code, reason }
}

function clause(message: string): string {
  return message.replace(/\.$/, '')
}
