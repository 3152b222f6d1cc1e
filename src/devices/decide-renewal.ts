import { DAY } from '../day.js'
import type { CertificateRecord } from './device.js'
import type { Refusal } from './refusal.js'
import { MOST_A_DAY, MOST_UNSEEN_A_DAY, type RenewedCertificate } from './renewal.js'

/** A certificate of a device, as far as a renewal needs it. */
export interface KnownCertificate extends CertificateRecord {
  /** A higher one is newer. */
  readonly id: number
}

/** What the register has for a renewal. */
export interface KnownForRenewal {
  /** null: there is no such device. */
  readonly device: {
    readonly id: number
    readonly isDenied: boolean
    readonly certificates: readonly KnownCertificate[]
  } | null
  /** The UUID of the device that the key belongs to; null: of none. */
  readonly keyOwner: string | null
  /** The same for the key of an adopted device. */
  readonly adoptedKeyOwner: string | null
  /** Whether there are certificates with the serial numbers of the new one, and of the adopted one. */
  readonly isSerialTaken: boolean
  readonly isAdoptedSerialTaken: boolean
}

/** The rows that a renewal is for; null: they are recorded first. */
export interface RenewedRows {
  readonly device: number | null
  readonly presented: number | null
  /** The other certificates of the device that are good: they end now. */
  readonly others: readonly number[]
  /** Whether the key is the device's already, and that of the certificate that it has. */
  readonly hasKey: boolean
  readonly hasAdoptedKey: boolean
}

/** What becomes of a renewal. */
export type RenewalDecision =
  | ({ readonly kind: 'renew' } & RenewedRows)
  | { readonly kind: 'existing'; readonly certificate: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** Decides what becomes of a renewal at a time. */
export function decideRenewal(renewed: RenewedCertificate, known: KnownForRenewal, at: number): RenewalDecision {
  const { device, keyOwner, adoptedKeyOwner } = known
  const certificates = device?.certificates ?? []
  const presented = certificates.find(({ serial }) => serial === renewed.presented) ?? null
  const refusal = whyNotDevice(renewed, known) ?? whyNotCertificate(renewed, known, presented)
  if (refusal !== null) return { kind: 'refused', refusal }
  const newer = newerThan(presented, certificates)
  // With the key of the presented certificate itself, it is a renewal that keeps the key (RFC 7030, 4.2.2).
  const same = newer.filter(({ keyHash }) => Buffer.compare(keyHash, renewed.keyHash) === 0)
  const newest = same.filter((one) => hasNotEnded(one, at) && one.notAfter > at).toSorted((a, b) => b.id - a.id)[0]
  if (newest !== undefined) return { kind: 'existing', certificate: newest.id }
  const limit = whyNotAnother(renewed, known, countsOf(certificates, presented, at))
  if (limit !== null) return { kind: 'refused', refusal: limit }
  const others = certificates.filter((one) => one !== presented && hasNotEnded(one, at)).map(({ id }) => id)
  const rows = { device: device?.id ?? null, presented: presented?.id ?? null, others }
  return { kind: 'renew', ...rows, hasKey: keyOwner !== null, hasAdoptedKey: adoptedKeyOwner !== null }
}

function whyNotDevice({ uuid }: RenewedCertificate, { device, keyOwner }: KnownForRenewal): Refusal | null {
  if (keyOwner !== null && keyOwner !== uuid)
    return { code: 'key-reused', reason: `its key is the key of the device ${keyOwner}` }
  return device?.isDenied ? { code: 'denied', reason: `the device ${uuid} is denied` } : null
}

function whyNotCertificate(
  renewed: RenewedCertificate,
  known: KnownForRenewal,
  presented: KnownCertificate | null,
): Refusal | null {
  if (presented === null) return whyNotAdopted(renewed, known)
  const refusal = whyNotPresented(renewed, presented)
  const isReplaced = newerThan(presented, known.device?.certificates ?? []).some(({ seenAt }) => seenAt !== null)
  if (refusal !== null || !isReplaced) return refusal
  return { code: 'credential', reason: `a newer certificate of the device ${renewed.uuid} is in use` }
}

/** Of a device whose certificate the register does not have, none is known to be newer. */
function newerThan(
  presented: KnownCertificate | null,
  certificates: readonly KnownCertificate[],
): readonly KnownCertificate[] {
  return presented === null ? [] : certificates.filter(({ id }) => id > presented.id)
}

function whyNotAnother(
  { uuid, serial }: RenewedCertificate,
  { isSerialTaken }: KnownForRenewal,
  { recent, unseen }: DayCounts,
): Refusal | null {
  if (isSerialTaken) return { code: 'serial-taken', reason: `another certificate has the serial number ${serial}` }
  const tooOften = (reason: string): Refusal => ({ code: 'renewal-too-often', reason })
  if (unseen >= MOST_UNSEEN_A_DAY)
    return tooOften(`the device ${uuid} has had ${unseen} certificates within a day that it never used`)
  return recent < MOST_A_DAY ? null : tooOften(`the device ${uuid} has had ${recent} certificates within a day`)
}

/** Why a certificate that the register does not have is not adopted; null: it is. */
function whyNotAdopted({ uuid, presented, adopted }: RenewedCertificate, known: KnownForRenewal): Refusal | null {
  if (adopted === null)
    return { code: 'credential', reason: `the certificate that the device ${uuid} presented is not in the register` }
  if (known.isAdoptedSerialTaken)
    return { code: 'serial-taken', reason: `another certificate has the serial number ${presented}` }
  const owner = known.adoptedKeyOwner
  if (owner === uuid || (owner === null && known.device === null)) return null
  if (owner === null) return { code: 'uuid-taken', reason: `the device ${uuid} has a certificate for another key` }
  return { code: 'key-reused', reason: `the key that the device ${uuid} has is the key of the device ${owner}` }
}

/** Another service may have given two certificates the same serial number. */
function whyNotPresented({ adopted, presented }: RenewedCertificate, known: KnownCertificate): Refusal | null {
  if (adopted === null || Buffer.compare(adopted.keyHash, known.keyHash) === 0) return null
  return { code: 'serial-taken', reason: `another certificate has the serial number ${presented}` }
}

function hasNotEnded({ state, endedAt }: KnownCertificate, at: number): boolean {
  return state !== 'abandoned' && (endedAt === null || endedAt > at)
}

/** How many certificates a device has had within a day. */
interface DayCounts {
  readonly recent: number
  /** Of these, those that nobody saw. */
  readonly unseen: number
}

/** A device uses the certificate that it presents. */
function countsOf(
  certificates: readonly KnownCertificate[],
  presented: KnownCertificate | null,
  at: number,
): DayCounts {
  const recent = certificates.filter(({ issuedAt }) => issuedAt > at - DAY)
  return {
    recent: recent.length,
    unseen: recent.filter((one) => one !== presented && one.seenAt === null).length,
  }
}
