import { serialToHex } from '../../../pki/serial.js'
import { type Finding, found, ROOT_STAYS } from './finding.js'
import type { Scene, SeenCertificate } from './scene.js'

/** Serial numbers as RFC 5280, 4.1.2.2 has them, each once. */
export function checkSerials({ certificates }: Scene): readonly Finding[] {
  return [
    ...certificates.flatMap(checkForm),
    ...certificates.flatMap((seen, at) => twice(seen, certificates.slice(0, at))),
  ]
}

function checkForm({
  file,
  role,
  certificate: { serialNumber, serialNumberOctets: octets },
}: SeenCertificate): readonly Finding[] {
  const is = `The serial number of ${file}`
  // The serial number of a trust anchor is compared with nothing; `ca create` takes one of 0, with a warning.
  if (role === 'root' && serialNumber === 0n) return [found('serials.short', file, `${is} is 0.`, ROOT_STAYS)]
  if (serialNumber <= 0n) return [found('serials.broken', file, `${is} is ${serialNumber}.`)]
  if (octets > 20) return [found('serials.long', file, `${is} takes ${octets} octets.`)]
  return octets < 8 ? [found('serials.short', file, `${is} is ${serialNumber}.`)] : []
}

function twice(
  { file, certificate: { serialNumber } }: SeenCertificate,
  before: readonly SeenCertificate[],
): readonly Finding[] {
  const other = before.find(({ certificate }) => certificate.serialNumber === serialNumber)
  if (other === undefined) return []
  return [found('serials.twice', file, `${file} has the serial number of ${other.file}, ${serialToHex(serialNumber)}.`)]
}
