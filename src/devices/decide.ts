import { DAY } from '../day.js'
import { credentialText } from './credential-store.js'
import type { Found } from './look-up.js'
import type { Refusal } from './refusal.js'
import type { CertificateState, DeviceRecord, LookUp, NewCertificate, StoredCertificate } from './register.js'
import { MOST_A_DAY } from './renewal.js'

/** A certificate to record. */
export interface Entry {
  readonly certificate: NewCertificate
  readonly issuedAt: number
  readonly state: CertificateState
  /** When it ended, or will; null: it is active, or ended when it was issued. */
  readonly endedAt: number | null
  /** The row of its device CA. */
  readonly ca: number
}

/** Certificates of one line, to record in one transaction. */
export interface Order {
  readonly line: { readonly id: number; readonly name: string }
  readonly entries: readonly Entry[]
  /** `kit`: another register recorded them before, and both were right by then. */
  readonly by: 'this' | 'kit'
  readonly at: number
  /** Whether the Factory API is to be informed of the devices. */
  readonly announce: boolean
}

/** An entry that is not recorded. `existing` has the certificate when it is not the same as that of the entry. */
export type Settled =
  | { readonly kind: 'existing'; readonly certificate?: StoredCertificate }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** What is to be done with an entry. */
export type Decision = { readonly kind: 'new' } | { readonly kind: 'reissue' } | Settled

/** What the register has, as far as a decision needs it. */
export interface Known extends Found {
  /** Of the certificate with the same serial number, DER; null: there is no such certificate. */
  readonly sameSerial: Uint8Array | null
  /** When the certificates of the device were issued. */
  readonly issuedAt: readonly number[]
}

/** Nothing: for the optimistic first attempt. */
export const UNKNOWN: Known = {
  device: null,
  deviceId: null,
  certificate: null,
  keyOwner: null,
  sameSerial: null,
  issuedAt: [],
}

/** Decides what becomes of an entry. A key belongs to one device for ever. */
export function decide(entry: Entry, known: Known, { line, by }: Order, reissueWindow: number): Decision {
  const { certificate, sameSerial } = known
  if (by === 'this' && certificate !== null && known.device?.denied === null) return { kind: 'existing', certificate }
  if (sameSerial !== null) {
    if (by === 'kit' && Buffer.from(sameSerial).equals(entry.certificate.der)) return { kind: 'existing' }
    return refused('serial-taken', `another certificate has the serial number ${entry.certificate.serial}`)
  }
  const { uuid, proof } = entry.certificate
  const credential = proof === null ? null : credentialText(proof.credential)
  const terms = { uuid, issuedAt: entry.issuedAt, line: line.name, credential, by, reissueWindow }
  const refusal = keyConflict(known, terms)
  if (refusal !== null) return { kind: 'refused', refusal }
  const recent = known.issuedAt.filter((at) => at > entry.issuedAt - DAY).length
  if (by === 'this' && recent >= MOST_A_DAY)
    return refused('renewal-too-often', `the device ${uuid} has had ${recent} certificates within a day`)
  return { kind: known.device === null ? 'new' : 'reissue' }
}

/** What a decision about a device's key depends on besides what the register has. */
export interface KeyTerms {
  readonly uuid: string
  /** When the certificate is or was issued. */
  readonly issuedAt: number
  readonly line: string
  /** What the request is registered with, as credentialText has it; null: it is issued offline. */
  readonly credential: string | null
  readonly reissueWindow: number
  readonly by: Order['by']
}

/**
 * Why a device may not have a certificate for a key; null: it may. A key belongs to one device for ever; a device may have
 * another key only in its line's reissue window and under the same credential, or when it never had the certificate for the
 * old one.
 */
export function keyConflict({ device, keyOwner }: LookUp, terms: KeyTerms): Refusal | null {
  const { uuid, issuedAt, line, credential, reissueWindow, by } = terms
  if (keyOwner !== null && keyOwner !== uuid)
    return { code: 'key-reused', reason: `its key is the key of the device ${keyOwner}` }
  if (device === null) return null
  // It exists, whatever became of the device here: two certificates of a device are better known than not.
  if (by === 'kit') return lineConflict(device, line)
  const refusal = deviceConflict(device, line)
  if (refusal !== null || device.state === 'abandoned') return refusal
  if (device.state === 'external') return keyOwner === null ? otherKey(uuid) : null
  // From its first certificate: otherwise whoever has a token of one use could have key after key for ever.
  if (Math.abs(issuedAt - device.createdAt) >= reissueWindow) return otherKey(uuid)
  if (device.credential === credential) return null
  return { code: 'uuid-taken', reason: `the device ${uuid} was registered with another key and another credential` }
}

function otherKey(uuid: string): Refusal {
  return { code: 'uuid-taken', reason: `the device ${uuid} has a certificate for another key` }
}

/** Why a device may have no further certificate from a line at all; null: it may. */
export function deviceConflict(device: DeviceRecord, line: string): Refusal | null {
  if (device.denied !== null) return { code: 'denied', reason: `the device ${device.uuid} is denied` }
  return lineConflict(device, line)
}

function lineConflict({ uuid, line }: DeviceRecord, wanted: string): Refusal | null {
  if (line === wanted) return null
  return { code: 'uuid-taken', reason: `the device ${uuid} belongs to the line ${line}` }
}

function refused(code: Refusal['code'], reason: string): Decision {
  return { kind: 'refused', refusal: { code, reason } }
}

/** What an entry has for itself alone, see wavesOf. */
export function namesOf({ certificate: { uuid, keyHash, serial } }: Entry): readonly string[] {
  return [uuid, Buffer.from(keyHash).toString('hex'), `serial ${serial}`]
}
