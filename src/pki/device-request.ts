import type { Csr } from './csr.js'
import { attributeValues } from './name.js'

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

/** Whether `name` is a UUID, the form of device names. */
export function isUuid(name: string): boolean {
  return UUID.test(name)
}

/**
 * Evidence that a request is for a device's client certificate, which only a device CA issues
 * (docs/profile.md#device-requests); null when there is none.
 */
export function deviceRequestEvidence({ parsedExtensions, subject }: Csr, factory: string): string | null {
  if (parsedExtensions.basicConstraints?.ca) return null
  const purposes = parsedExtensions.extKeyUsage ?? []
  if (purposes.includes('clientAuth') && !purposes.includes('serverAuth'))
    return 'it requests clientAuth but not serverAuth'
  const [uuid] = attributeValues(subject, 'CN').filter(isUuid)
  const hasDnsName = parsedExtensions.subjectAltName?.some(({ type }) => type === 'DNS') === true
  if (uuid === undefined || hasDnsName || !attributeValues(subject, 'OU').includes(factory)) return null
  return `its subject is that of a device of ${factory} (CN=${uuid}), and it requests no DNS name`
}
