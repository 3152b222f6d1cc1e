import { rfc3339 } from '../../../pki/describe.js'
import { printable } from '../../../printable.js'
import type { Comparison, ReportWindow } from './compare.js'

/** What a report says, beside the comparison. */
export interface ReportHead extends ReportWindow {
  readonly factory: string
  /** SHA-256 of the certificate of the CA that signs it, lower-case hex; null: it is not signed. */
  readonly ca: string | null
  readonly madeAt: Date
  /** SHA-256 of the list of shipped devices, lower-case hex; null: none. */
  readonly shippedHash: string | null
}

/**
 * The text of a report, which is what the CA signs. It begins with its kind and version, so that it is never taken for a
 * certificate or for another statement; docs/lines.md describes it.
 */
export function reportText(head: ReportHead, comparison: Comparison): string {
  const { missing, extra, twice } = comparison
  const fields: readonly (readonly [string, string | number])[] = [
    ['factory', head.factory],
    ['line', head.line],
    ['ca', head.ca ?? '-'],
    ['from', head.from === null ? '-' : rfc3339(head.from)],
    ['to', head.to === null ? '-' : rfc3339(head.to)],
    ['made', rfc3339(head.madeAt)],
    ['issued', comparison.issued],
    ['production', comparison.production],
    ['issued-sha256', comparison.issuedHash],
    ['shipped', comparison.shipped ?? '-'],
    ['shipped-sha256', head.shippedHash ?? '-'],
    ['missing', missing.length],
    ['extra', extra.length],
    ['twice', twice.length],
  ]
  const lines = [
    'fpki device-report 1',
    ...fields.map(([name, value]) => `${name}: ${value}`),
    ...missing.map((uuid) => `missing ${uuid}`),
    ...extra.map(({ uuid, reason }) => `extra ${uuid} ${reason}`),
    ...twice.map(({ uuid, reason }) => `twice ${uuid} ${reason}`),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}
