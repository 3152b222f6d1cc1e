import type { Csr } from './csr.js'
import { attributeValues } from './name.js'

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

/** Is `name` a UUID, as devices are called? */
export function isUuid(name: string): boolean {
  return UUID.test(name)
}

/**
 * Why a request is evidently a device's, for a client certificate that a device CA issues (contract.md 3); null: it is
 * not. One that asks for CA:TRUE is a CA's.
 */
export function deviceRequestEvidence({ parsedExtensions, subject }: Csr, factory: string): string | null {
  if (parsedExtensions.basicConstraints?.ca) return null
  const purposes = parsedExtensions.extKeyUsage ?? []
  if (purposes.includes('clientAuth') && !purposes.includes('serverAuth'))
    return 'it asks for clientAuth and not for serverAuth'
  const [uuid] = attributeValues(subject, 'CN').filter(isUuid)
  const hasDnsName = parsedExtensions.subjectAltName?.some(({ type }) => type === 'DNS') === true
  if (uuid === undefined || hasDnsName || !attributeValues(subject, 'OU').includes(factory)) return null
  return `its subject is that of a device of ${factory}, CN=${uuid}, and it asks for no DNS name`
}
