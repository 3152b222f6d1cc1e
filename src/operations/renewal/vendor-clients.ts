import { toUuid } from '../../pki/device-policy.js'
import { attributeValues } from '../../pki/name.js'
import type { Certificate } from '../../pki/read-certificate.js'
import { validityProblem } from './client-validity.js'
import { hasSigned } from './device-cas.js'
import { type EstRefused, refused } from './model.js'
import type { RenewalTerms } from './options.js'

/** The attributes of a subject that identify a device (IEEE 802.1AR, 8.6: the serialNumber). */
const NAMES: readonly string[] = ['CN', 'serialNumber']

/** The CA of `--client-ca` that signed a certificate; null: none. */
export function clientCaOf(
  certificate: Certificate,
  { clientCas }: Pick<RenewalTerms, 'clientCas'>,
): Certificate | null {
  return clientCas.find((ca) => hasSigned(ca, certificate)) ?? null
}

/**
 * The UUIDs that a device may enroll for with a certificate of another CA, such as its vendor's: what the map has for the CN or
 * the serialNumber of its subject, or without a map, these themselves.
 */
export function vendorUuids(
  certificate: Certificate,
  ca: Certificate,
  { clientMap }: Pick<RenewalTerms, 'clientMap'>,
  now: Date,
): readonly string[] | EstRefused {
  const problem = validityProblem(certificate, now) ?? validityProblem(ca, now)
  if (problem !== null) return refused(null, ...problem)
  const { basicConstraints, keyUsage, extKeyUsage } = certificate.parsedExtensions
  const isForClients = extKeyUsage === null || extKeyUsage.includes('clientAuth')
  const canSign = keyUsage === null || keyUsage.includes('digitalSignature')
  if (basicConstraints?.ca === true || !isForClients || !canSign)
    return refused(null, 'client-purpose', 'its client certificate is not for clients')
  const names = NAMES.flatMap((type) => attributeValues(certificate.subject, type))
  const uuids = names.flatMap((name) => clientMap?.get(name) ?? (clientMap === null ? (toUuid(name) ?? []) : []))
  if (uuids.length > 0) return [...new Set(uuids)]
  return refused(null, 'client-mapping', 'the CN and serialNumber of its client certificate name no device')
}
