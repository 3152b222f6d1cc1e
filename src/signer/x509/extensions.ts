import type { Extension, GeneralNameType } from '@peculiar/x509'
import { TAG } from '../../pki/der.js'
import { der, integer } from '../../pki/der-write.js'
import type { GeneralName } from '../../pki/extensions.js'
import { oid } from '../../pki/oids.js'
import type { KeyUsage, ProfileExtension } from '../../pki/profiles.js'
import {
  type CertificateTemplate,
  extensionsFor,
  issuerKeyIdentifier,
  subjectKeyIdentifier,
} from '../../pki/template.js'
import { evenHex } from '../../serial-hex.js'
import type { X509Library } from './library.js'

/** The extensions of a certificate from `template`, in the order of its profile. */
export function certificateExtensions(x509: X509Library, template: CertificateTemplate): Extension[] {
  return extensionsFor(template).map((spec) => extension(x509, spec, template))
}

function extension(x509: X509Library, spec: ProfileExtension, template: CertificateTemplate): Extension {
  switch (spec.type) {
    case 'keyUsage':
      return keyUsage(x509, spec.usages)
    case 'extKeyUsage':
      return new x509.ExtendedKeyUsageExtension(spec.purposes.map(oid), spec.critical)
    case 'basicConstraints':
      return caConstraints(x509, spec.pathLenConstraint)
    case 'subjectKeyIdentifier':
      return new x509.SubjectKeyIdentifierExtension(hex(subjectKeyIdentifier(template)), spec.critical)
    case 'authorityKeyIdentifier':
      return authorityKeyIdentifier(x509, issuerKeyIdentifier(template))
    case 'subjectAltName':
      return subjectAltName(x509, template.names, spec.critical)
    case 'id-pkix-ocsp-nocheck':
      return new x509.Extension(oid(spec.type), spec.critical, der(TAG.null))
  }
}

/** A critical keyUsage. */
export function keyUsage(x509: X509Library, usages: readonly KeyUsage[]): Extension {
  const { KeyUsageFlags, KeyUsagesExtension } = x509
  return new KeyUsagesExtension(
    usages.reduce((flags, usage) => flags | KeyUsageFlags[usage], 0),
    true,
  )
}

/** A critical basicConstraints with CA:TRUE; `null` for no pathLen. */
export function caConstraints(x509: X509Library, pathLenConstraint: number | null): Extension {
  return new x509.BasicConstraintsExtension(true, pathLenConstraint ?? undefined, true)
}

/** Only the keyIdentifier member, like fioctl. */
export function authorityKeyIdentifier(x509: X509Library, identifier: Uint8Array): Extension {
  return new x509.AuthorityKeyIdentifierExtension(hex(identifier), false)
}

/** A subjectAltName. Throws a plain Error for names of type `other`. */
export function subjectAltName(x509: X509Library, names: readonly GeneralName[], critical: boolean): Extension {
  const json = names.map(({ type, value }) => ({ type: libraryType(type), value }))
  return new x509.SubjectAlternativeNameExtension(json, critical)
}

/** cRLNumber (RFC 5280, 5.2.3), for which the library has no class. */
export function crlNumber(x509: X509Library, number: bigint): Extension {
  return new x509.Extension(oid('cRLNumber'), false, integer(Buffer.from(evenHex(number), 'hex')))
}

function libraryType(type: GeneralName['type']): GeneralNameType {
  if (type === 'other') throw new Error('names of type "other" cannot be encoded')
  return ({ DNS: 'dns', IP: 'ip', URI: 'url', email: 'email' } as const)[type]
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}
