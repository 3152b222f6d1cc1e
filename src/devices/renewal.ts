import type { DeviceFacts, DeviceKey, DeviceRecord, StoredCertificate } from './device.js'

/** Renewed certificates that were signed and are not known to anybody yet. They take nothing of the quota of a line. */
export interface Renewals {
  readonly at: number
  /** How long the certificate that a device has remains good beside the new one, in milliseconds. */
  readonly overlap: number
  readonly certificates: readonly RenewedCertificate[]
}

/** Another certificate of a device that has proved to have one. */
export interface RenewedCertificate extends DeviceKey {
  /** The device CA that signed it: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
  /** Lower-case hex. */
  readonly serial: string
  readonly der: Uint8Array
  readonly notAfter: number
  /** The serial number of the certificate that the device has, lower-case hex. */
  readonly presented: string
  /** What is recorded first of a device that another service registered; null: the register has its certificate. */
  readonly adopted: AdoptedDevice | null
}

/** A device that another service registered, with the certificate that it has. */
export interface AdoptedDevice extends Omit<DeviceFacts, 'hardwareId' | 'serialNumber' | 'group'> {
  readonly line: string
  /** The device CA of the certificate that it has, and the certificate. */
  readonly ca: string
  readonly keyHash: Uint8Array
  readonly der: Uint8Array
  readonly issuedAt: number
  readonly notAfter: number
}

/** What the register has of a certificate that somebody presents. */
export interface PresentedCertificate {
  readonly device: DeviceRecord
  readonly certificate: StoredCertificate
  /** Whether a newer certificate of the device was seen: then whoever presents this one is not the device. */
  readonly isReplaced: boolean
}

/** A certificate that somebody has used. */
export interface SeenCertificate {
  /** Lower-case hex. */
  readonly serial: string
  readonly at: number
}

/** See DeviceRegister.seen. */
export interface SeenCount {
  /** How many of them the register has. */
  readonly known: number
  /** How many of these had not been seen before. */
  readonly first: number
  /** How many older certificates ended with that. */
  readonly superseded: number
}

/** How many certificates a device may have that were never seen, issued within a day: a device that keeps losing them has a fault. */
export const MOST_UNSEEN_A_DAY = 10

/** How many certificates a device may have in all, issued within a day: one that renews each new one at once fills the register. */
export const MOST_A_DAY = 50

/** See DeviceRegister.lifeCounts. */
export interface LifeCounts {
  readonly denied: number
  /** Devices whose newest certificate is a renewal that was not seen yet, while the one before it is good. */
  readonly unconfirmed: number
  /** Devices that are not denied, by the month in which their newest certificate expires (UTC), in order. */
  readonly expiring: readonly { readonly month: string; readonly devices: number }[]
}
