import { MAX_SERIAL_OCTETS } from '../../../pki/serial.js'
import { serialToHex } from '../../../serial-hex.js'
import type { AuditContext, AuditedCertificate } from './context.js'
import { type Finding, failed, ROOT_STAYS } from './finding.js'

/** Serial numbers are well-formed (RFC 5280, 4.1.2.2) and unique. */
export function checkSerials({ certificates }: AuditContext): readonly Finding[] {
  return [
    ...certificates.flatMap(checkForm),
    ...certificates.flatMap((one, at) => duplicate(one, certificates.slice(0, at))),
  ]
}

function checkForm({
  file,
  role,
  certificate: { serialNumber, serialNumberOctets: octets },
}: AuditedCertificate): readonly Finding[] {
  const name = `The serial number of ${file}`
  // Harmless for a trust anchor; `ca create` accepts it with a warning.
  if (role === 'root' && serialNumber === 0n) return [failed('serials.short', file, `${name} is 0.`, ROOT_STAYS)]
  if (serialNumber <= 0n) return [failed('serials.broken', file, `${name} is ${serialToHex(serialNumber)}.`)]
  if (octets > MAX_SERIAL_OCTETS) return [failed('serials.long', file, `${name} has ${octets} octets.`)]
  return octets < 8 ? [failed('serials.short', file, `${name} is only ${serialToHex(serialNumber)}.`)] : []
}

function duplicate(
  { file, certificate: { serialNumber } }: AuditedCertificate,
  before: readonly AuditedCertificate[],
): readonly Finding[] {
  const other = before.find(({ certificate }) => certificate.serialNumber === serialNumber)
  if (other === undefined) return []
  return [
    failed(
      'serials.twice',
      file,
      `${file} and ${other.file} have the same serial number ${serialToHex(serialNumber)}.`,
    ),
  ]
}
