import type { Refusal } from '../../../devices/refusal.js'
import type { DeviceFacts, Line } from '../../../devices/register.js'
import { toUuid } from '../../../pki/device-policy.js'
import type { DeviceInput } from '../input/row.js'

/** What a row of the input says of its device, made complete by the command and the line. */
export type DecidedRow = ({ readonly kind: 'device'; readonly uuid: string } & DeviceFacts) | Refused

interface Refused extends Refusal {
  readonly kind: 'refused'
  /** null: it is not known. */
  readonly uuid: string | null
}

/** What the command says of all rows; null: it says nothing. */
export interface RowDefaults {
  readonly production: boolean
  readonly group: string | null
}

/**
 * Decides whether a line makes the device of a row, before the register is asked.
 *
 * @param request what the row's request is for; null: fpki makes the key
 */
export function decideRow(
  row: DeviceInput,
  request: { readonly uuid: string; readonly isProduction: boolean } | null,
  line: Line,
  defaults: RowDefaults,
): DecidedRow {
  const uuid = uuidOf(row, request?.uuid ?? null)
  if (typeof uuid !== 'string') return uuid
  const wanted = row.isProduction ?? (defaults.production ? true : null)
  const isProduction = request?.isProduction ?? wanted ?? false
  const group = row.group ?? defaults.group ?? line.group
  const problem =
    productionProblem(isProduction, wanted, line) ?? groupProblem(group, line) ?? hardwareProblem(row.hardwareId, line)
  if (problem !== null) return { kind: 'refused', uuid, ...problem }
  const { hardwareId, serialNumber } = row
  return { kind: 'device', uuid, name: row.name ?? uuid, group, hardwareId, serialNumber, isProduction }
}

/** The UUID of the request or of the row; if both have one, it must be the same. */
function uuidOf(row: DeviceInput, requested: string | null): string | Refused {
  if (row.uuid === null)
    return requested ?? refused(null, 'input-unreadable', 'it has neither a certificate request nor a UUID')
  const named = toUuid(row.uuid)
  if (named === null) return refused(null, 'uuid-mismatch', `${JSON.stringify(row.uuid)} is not a UUID`)
  if (requested === null || named === requested) return named
  return refused(requested, 'uuid-mismatch', `its request is for ${requested}, not for ${named}`)
}

function productionProblem(isProduction: boolean, wanted: boolean | null, line: Line): Refusal | null {
  if (isProduction && !line.allowsProduction)
    return { code: 'csr-production', reason: `the line ${line.name} makes no production devices` }
  if (wanted === null || wanted === isProduction) return null
  return { code: 'csr-production', reason: `its request is ${isProduction ? '' : 'not '}for a production device` }
}

function groupProblem(group: string | null, line: Line): Refusal | null {
  if (line.group === null || group === line.group) return null
  return { code: 'group', reason: `the line ${line.name} makes devices of the group ${line.group} only` }
}

function hardwareProblem(hardwareId: string | null, { name, hardwareIds }: Line): Refusal | null {
  if (hardwareIds === null || (hardwareId !== null && hardwareIds.includes(hardwareId))) return null
  const what =
    hardwareId === null ? 'it has no hardware ID' : `its hardware ID ${JSON.stringify(hardwareId)} is not on the list`
  return { code: 'hardware-id', reason: `${what} of the line ${name}` }
}

/** Why a row does not fit a command that makes the keys, or one that does not; null: it does. */
export function requestRefusal({ csr, uuid }: DeviceInput, makeKeys: boolean): Refusal | null {
  if (csr !== null && makeKeys)
    return {
      code: 'input-unreadable',
      reason: 'it has a certificate request, so its device has a key, but this batch makes keys',
    }
  if (csr !== null || makeKeys) return null
  const reason =
    uuid === null
      ? 'it has no certificate request'
      : 'it has a UUID but no certificate request, and this batch makes no keys'
  return { code: 'input-unreadable', reason }
}

function refused(uuid: string | null, code: Refusal['code'], reason: string): Refused {
  return { kind: 'refused', uuid, code, reason }
}
