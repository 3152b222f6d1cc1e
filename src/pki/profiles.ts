import type { OidName } from './oids.js'
import type { Lifetime } from './validity.js'

/** A keyUsage bit, named as in RFC 5280, 4.2.1.3. */
export type KeyUsage = (typeof KEY_USAGES)[number]

/** All keyUsage bits, by position. */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

/** One extension of a profile. Values that are not given here are derived from the key, the issuer or the CSR. */
export type ProfileExtension =
  | { readonly type: 'keyUsage'; readonly critical: boolean; readonly usages: readonly KeyUsage[] }
  | { readonly type: 'extKeyUsage'; readonly critical: boolean; readonly purposes: readonly OidName[] }
  | { readonly type: 'basicConstraints'; readonly critical: boolean; readonly pathLenConstraint: number | null }
  | { readonly type: 'subjectKeyIdentifier' | 'authorityKeyIdentifier' | 'subjectAltName'; readonly critical: boolean }
  /** RFC 6960, 4.2.2.2.1; its value is NULL. */
  | { readonly type: 'id-pkix-ocsp-nocheck'; readonly critical: boolean }

/** The profile of one kind of certificate (docs/profile.md#profiles). */
export interface Profile {
  readonly name: string
  readonly years: number
  /** What is valid for less than a year: so many days, and `years` is 0. */
  readonly days?: number
  /** All extensions, in fioctl's order. basicConstraints implies CA:TRUE. */
  readonly extensions: readonly ProfileExtension[]
  /** The subject may be the issuer's name, with another key (self-issued: RFC 5280, 3.2). */
  readonly maySelfIssue?: true
}

/** `factory_ca`: the root of trust. */
export const ROOT_CA: Profile = {
  name: 'root CA',
  years: 20,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['keyCertSign', 'cRLSign'] },
    { type: 'extKeyUsage', critical: false, purposes: ['serverAuth', 'clientAuth'] },
    { type: 'basicConstraints', critical: true, pathLenConstraint: null },
    { type: 'subjectKeyIdentifier', critical: false },
  ],
}

/**
 * A root certified by another root, so that who trusts only one of them accepts both hierarchies (RFC 5280, 3.2; RFC 4210,
 * 4.4). The path length allows a device CA, and nothing below that.
 */
export const CROSS_CA: Profile = {
  name: 'cross-certificate',
  years: 20,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['keyCertSign', 'cRLSign'] },
    { type: 'extKeyUsage', critical: false, purposes: ['serverAuth', 'clientAuth'] },
    { type: 'basicConstraints', critical: true, pathLenConstraint: 1 },
    { type: 'subjectKeyIdentifier', critical: false },
    { type: 'authorityKeyIdentifier', critical: false },
  ],
  maySelfIssue: true,
}

/** `online-ca` and `local-ca`, which sign the client certificates of devices. */
export const DEVICE_CA: Profile = {
  name: 'device CA',
  years: 10,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['keyCertSign'] },
    { type: 'basicConstraints', critical: true, pathLenConstraint: 0 },
    { type: 'subjectKeyIdentifier', critical: false },
    { type: 'authorityKeyIdentifier', critical: false },
  ],
}

/**
 * A `local-ca` for gateways that check CRLs (docs/profile.md#crl-sign). It is a profile of its own, so that no other device CA gets
 * the usage.
 */
export const DEVICE_CA_WITH_CRLS: Profile = {
  ...DEVICE_CA,
  name: 'device CA with CRLs',
  extensions: DEVICE_CA.extensions.map((spec) =>
    spec.type === 'keyUsage' ? { ...spec, usages: ['keyCertSign', 'cRLSign'] } : spec,
  ),
}

/** `tls-crt` and `est-tls-crt`: servers that devices connect to. subjectKeyIdentifier is fpki's addition (docs/profile.md#deviations). */
export const TLS_SERVER: Profile = {
  name: 'TLS server',
  years: 10,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['digitalSignature'] },
    { type: 'extKeyUsage', critical: false, purposes: ['serverAuth'] },
    { type: 'subjectKeyIdentifier', critical: false },
    { type: 'authorityKeyIdentifier', critical: false },
    { type: 'subjectAltName', critical: false },
  ],
}

/** A device's client certificate. subjectKeyIdentifier is fpki's addition (docs/profile.md#deviations). */
export const DEVICE: Profile = {
  name: 'device',
  years: 20,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['digitalSignature'] },
    { type: 'extKeyUsage', critical: true, purposes: ['clientAuth'] },
    { type: 'subjectKeyIdentifier', critical: false },
    { type: 'authorityKeyIdentifier', critical: false },
  ],
}

/**
 * A station of a line: a self-signed client certificate. The registration service knows it by its fingerprint, so that no CA
 * has to issue it (RFC 5280, 4.2.1.1: a self-signed certificate needs no authorityKeyIdentifier).
 */
export const STATION: Profile = {
  name: 'station',
  years: 2,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['digitalSignature'] },
    { type: 'extKeyUsage', critical: true, purposes: ['clientAuth'] },
    { type: 'subjectKeyIdentifier', critical: false },
  ],
}

/**
 * An OCSP responder that a device CA delegates to (RFC 6960, 4.2.2.2). With nocheck, clients trust it as long as it is valid, so
 * it is valid for a short time.
 */
export const OCSP_RESPONDER: Profile = {
  name: 'OCSP responder',
  years: 0,
  days: 30,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['digitalSignature'] },
    { type: 'extKeyUsage', critical: false, purposes: ['OCSPSigning'] },
    { type: 'id-pkix-ocsp-nocheck', critical: false },
    { type: 'subjectKeyIdentifier', critical: false },
    { type: 'authorityKeyIdentifier', critical: false },
  ],
}

/** How long a certificate of a profile is valid at most. */
export function lifetimeOf({ years, days }: Profile): Lifetime {
  return days === undefined ? years : { days }
}

/** A lifetime in words. */
export function lifetimeText(profile: Profile): string {
  return profile.days === undefined ? `${profile.years} years` : `${profile.days} days`
}
