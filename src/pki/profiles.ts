import type { OidName } from './oids.js'

/** The bits of keyUsage that the profiles use, under the names of RFC 5280, 4.2.1.3. */
export type KeyUsage = (typeof KEY_USAGES)[number]

/** All bits of keyUsage, by their position. */
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

/** One extension of a profile. Where the value is not said here, it comes from the key, the issuer or the CSR. */
export type ProfileExtension =
  | { readonly type: 'keyUsage'; readonly critical: boolean; readonly usages: readonly KeyUsage[] }
  | { readonly type: 'extKeyUsage'; readonly critical: boolean; readonly purposes: readonly OidName[] }
  | { readonly type: 'basicConstraints'; readonly critical: boolean; readonly pathLenConstraint: number | null }
  | { readonly type: 'subjectKeyIdentifier' | 'authorityKeyIdentifier' | 'subjectAltName'; readonly critical: boolean }

/** What a kind of certificate looks like (docs/profile.md#profiles). */
export interface Profile {
  readonly name: string
  readonly years: number
  /** Every extension, in the order of the certificate, which is fioctl's. basicConstraints stands for CA:TRUE. */
  readonly extensions: readonly ProfileExtension[]
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

/** `online-ca` and `local-ca`: they sign devices' client certificates. */
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

/** A device's client certificate. fpki signs none; lint holds those of the registration reference against it. */
export const DEVICE: Profile = {
  name: 'device',
  years: 20,
  extensions: [
    { type: 'keyUsage', critical: true, usages: ['digitalSignature'] },
    { type: 'extKeyUsage', critical: true, purposes: ['clientAuth'] },
    { type: 'authorityKeyIdentifier', critical: false },
  ],
}
