import { attributeValues } from '../name.js'
import type { TbsCertificate } from '../read-certificate.js'
import { alternativeNames, type ConstrainedName, directoryName } from './general-name.js'

/**
 * All names of a certificate to which constraints apply (RFC 5280, 4.2.1.10): the subject, its e-mail addresses,
 * subjectAltName and, with `asHost`, like OpenSSL, a commonName that stands in for a missing DNS name.
 */
export function namesOf(certificate: TbsCertificate, asHost: boolean): readonly ConstrainedName[] {
  const { subject } = certificate
  const alternative = alternativeNames(certificate)
  const emails = attributeValues(subject, 'emailAddress').map((text) => ({ form: 'email' as const, text }))
  const isHost = asHost && !alternative.some(({ form }) => form === 'DNS')
  const hosts = isHost ? attributeValues(subject, 'CN').map(trimNulls).filter(looksLikeHost) : []
  return [
    ...(subject.attributes.length > 0 ? [directoryName(subject)] : []),
    ...emails,
    ...alternative,
    ...hosts.map((text) => ({ form: 'DNS' as const, text })),
  ]
}

/** At least two labels of letters, digits, `_`, and inner `-`. */
const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)+$/

function looksLikeHost(name: string): boolean {
  return HOST.test(name)
}

function trimNulls(name: string): string {
  return name.replace(/\0+$/, '')
}
