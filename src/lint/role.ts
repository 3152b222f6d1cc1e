import { isUuid } from '../pki/device-request.js'
import type { ParsedExtensions } from '../pki/extensions.js'
import { attributeValues, type Name, sameName } from '../pki/name.js'
import { sameOctets } from '../pki/octets.js'
import { CROSS_CA, DEVICE, DEVICE_CA, OCSP_RESPONDER, type Profile, ROOT_CA, TLS_SERVER } from '../pki/profiles.js'
import type { LintCertificate, Role } from './model.js'

/** The profile of each role (docs/profile.md#profiles). */
export const PROFILE_OF: Readonly<Record<Role, Profile>> = {
  root: ROOT_CA,
  cross: CROSS_CA,
  'device-ca': DEVICE_CA,
  tls: TLS_SERVER,
  device: DEVICE,
  'ocsp-responder': OCSP_RESPONDER,
}

/**
 * Detects the role of a certificate; null when unclear. Names and purposes take precedence over CA:TRUE, which device and
 * server certificates may have by mistake.
 */
export function roleOf({
  subject,
  issuer,
  parsedExtensions,
}: Pick<LintCertificate, 'subject' | 'issuer' | 'parsedExtensions'>): Role | null {
  const traits = traitsOf(subject, parsedExtensions)
  if (isRoot(traits, sameName(subject, issuer))) return isCross(subject, issuer, parsedExtensions) ? 'cross' : 'root'
  if (traits.isResponder) return 'ocsp-responder'
  if (traits.isDevice) return 'device'
  if (traits.ca && traits.certSign && !traits.hasNames) return 'device-ca'
  if (traits.server || traits.hasNames) return 'tls'
  return traits.ca || traits.certSign ? 'device-ca' : null
}

/**
 * A root certified by another key of the same name, or by another factory's root. One that is signed by any other CA looks the
 * same, and is a root from a company's CA.
 */
function isCross(
  subject: Name,
  issuer: Name,
  { authorityKeyIdentifier, subjectKeyIdentifier }: ParsedExtensions,
): boolean {
  if (authorityKeyIdentifier === null || subjectKeyIdentifier === null) return false
  if (sameOctets(authorityKeyIdentifier, subjectKeyIdentifier)) return false
  return sameName(subject, issuer) || attributeValues(issuer, 'CN').includes('Factory-CA')
}

function traitsOf(subject: Name, { basicConstraints, keyUsage, extKeyUsage, subjectAltName }: ParsedExtensions) {
  const server = extKeyUsage?.includes('serverAuth') ?? false
  const client = extKeyUsage?.includes('clientAuth') ?? false
  const hasNames = (subjectAltName ?? []).length > 0
  const hasDeviceName = attributeValues(subject, 'CN').some(isUuid) && !hasNames
  return {
    ca: basicConstraints?.ca ?? false,
    certSign: keyUsage?.includes('keyCertSign') ?? false,
    isLast: basicConstraints?.pathLenConstraint === 0,
    crlSign: keyUsage?.includes('cRLSign') ?? false,
    server,
    client,
    hasNames,
    isResponder: extKeyUsage?.includes('OCSPSigning') ?? false,
    isDevice:
      (client && !server) || (!server && hasDeviceName) || attributeValues(subject, 'businessCategory').length > 0,
  }
}

/** A self-issued root, or one signed by a company CA, which must match the whole root profile. */
function isRoot(traits: ReturnType<typeof traitsOf>, isSelfIssued: boolean): boolean {
  const { ca, certSign, crlSign, server, client, hasNames, isDevice, isLast } = traits
  if (isSelfIssued) return ca || certSign || !(server || hasNames || isDevice)
  return ca && certSign && crlSign && server && client && !hasNames && !isLast
}
