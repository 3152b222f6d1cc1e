import type { Revocation } from './denial.js'

/** A device's name and key. */
export interface DeviceKey {
  /** Canonical: lower case, with hyphens. */
  readonly uuid: string
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly keyHash: Uint8Array
}

/** A certificate in the register. */
export interface StoredCertificate {
  /** Lower-case hex. */
  readonly serial: string
  readonly der: Uint8Array
  readonly keyHash: Uint8Array
  readonly issuedAt: number
  readonly notAfter: number
  readonly state: CertificateState
  /** When it stopped to be active, or will: a superseded certificate is good until then. null: it is active. */
  readonly endedAt: number | null
  /** When it was first seen in use; null: never. */
  readonly seenAt: number | null
}

/** A certificate without its octets. */
export type CertificateRecord = Omit<StoredCertificate, 'der'>

/** `superseded`: the device has a newer one. `abandoned`: its key was lost before the device had it. */
export const CERTIFICATE_STATES = ['active', 'superseded', 'abandoned'] as const
/** See {@link CERTIFICATE_STATES}. */
export type CertificateState = (typeof CERTIFICATE_STATES)[number]

/**
 * The states of devices: that of the newest certificate; `denied`: see DeviceRegister.deny; `conflict`: the Factory API has another device with that UUID;
 * `external`: another service registered the device, and only its key is here.
 */
export const DEVICE_STATES = [...CERTIFICATE_STATES, 'denied', 'conflict', 'external'] as const
/** See {@link DEVICE_STATES}. */
export type DeviceState = (typeof DEVICE_STATES)[number]

/** The states of devices whose newest certificate is active. */
export const IN_USE: readonly DeviceState[] = ['active', 'conflict', 'external']

/** A device in the register. */
export interface DeviceRecord {
  readonly uuid: string
  readonly line: string
  /** The device CA that signed its newest certificate: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
  readonly name: string
  readonly group: string | null
  readonly hardwareId: string | null
  /** The maker's own serial number of the device. */
  readonly serialNumber: string | null
  readonly isProduction: boolean
  readonly createdAt: number
  /** What its newest certificate was registered with, as credentialText has it; null: it was issued offline. */
  readonly credential: string | null
  readonly state: DeviceState
  /** When its newest certificate was issued, and when it expires. */
  readonly issuedAt: number
  readonly notAfter: number
  /** null: it is not denied. */
  readonly denied: Revocation | null
}

/** What the maker says of a device. */
export interface DeviceFacts {
  readonly name: string
  readonly group: string | null
  readonly hardwareId: string | null
  readonly serialNumber: string | null
  readonly isProduction: boolean
}
