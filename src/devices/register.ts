import type { Random } from '../ports.js'
import type { Credential, CredentialStore } from './credential-store.js'
import type { CertificateStatus, Denial, Revocation, RevokedFilter } from './denial.js'
import type {
  CertificateState,
  DeviceFacts,
  DeviceKey,
  DeviceRecord,
  DeviceState,
  StoredCertificate,
} from './device.js'
import type { Outbox } from './outbox.js'
import type { Refusal } from './refusal.js'
import type { LifeCounts, PresentedCertificate, Renewals, SeenCertificate, SeenCount } from './renewal.js'

export * from './device.js'

/**
 * The device register: the durable truth about devices and their certificates, as a port. Whatever engine implements it,
 * what a method resolves to has been committed, and uniqueness (of UUIDs, keys and serial numbers) is the database's.
 *
 * Times are milliseconds since 1970 (UTC). Hashes are SHA-256 octets.
 */
export interface DeviceRegister {
  readonly lines: LineStore
  readonly jobs: JobStore
  readonly credentials: CredentialStore
  readonly outbox: Outbox
  /** What the register has for each request, in their order: by UUID and by key. */
  lookUp(requests: readonly DeviceKey[]): Promise<readonly LookUp[]>
  /**
   * Records new certificates in one transaction, all of one line: takes them from its quota, and makes or updates their
   * devices. The outcomes are in the order of `certificates`; one that is refused is not recorded, and the others are.
   */
  commit(commit: Commit): Promise<readonly CommitOutcome[]>
  /**
   * Records certificates that a kit issued, with their own times and states; those that it has already stay. They count, but
   * are recorded even above the quota of their line: a certificate that exists must not be missing here. A device that is denied
   * there is denied here, on hold if its certificate was here already.
   */
  importCertificates(certificates: readonly ImportedCertificate[]): Promise<readonly ImportOutcome[]>
  /**
   * Records devices that another service registered, of which only the keys are left. They take nothing of the quota of their
   * line; a device that is here with the same key stays as it is.
   */
  importKeys(keys: ImportedKeys): Promise<readonly ImportOutcome[]>
  /** Marks the current certificate of each device as abandoned: its key was lost before anybody had it. */
  abandon(uuids: readonly string[], at: number): Promise<void>
  /**
   * Denies devices: their certificates are not to be accepted any more, and they get no other. Resolves to those whose denial
   * changed: a device that was on hold may be denied for ever, and not the other way round.
   */
  deny(uuids: readonly string[], denial: Denial): Promise<readonly string[]>
  /** Ends the denial of devices that are on hold, and only of these. Resolves to them. */
  allow(uuids: readonly string[], end: Pick<Denial, 'at' | 'announce'>): Promise<readonly string[]>
  /**
   * Records renewed certificates in one transaction. The certificate that a device presented is superseded when the overlap ends;
   * the others are superseded at once. The same key again is `existing`, while the certificate for it is good; the key of the
   * presented certificate itself is renewed. Refused: a device that is denied, one that has had too many certificates within a
   * day (MOST_A_DAY), or too many that nobody saw (MOST_UNSEEN_A_DAY), a key of another device, and a certificate that is unknown
   * or has a newer one that was seen (`credential`).
   */
  renew(renewals: Renewals): Promise<readonly CommitOutcome[]>
  /** What the register has of certificates that somebody presents, by serial number (lower-case hex), in order; null: nothing. */
  presented(serials: readonly string[]): Promise<readonly (PresentedCertificate | null)[]>
  /** Records that certificates were used: those that are older than one of them are superseded from then on. */
  seen(certificates: readonly SeenCertificate[]): Promise<SeenCount>
  /** The status of certificates at a time, by serial number (lower-case hex), in order; null: the register does not know it. */
  statuses(serials: readonly string[], at: number): Promise<readonly (CertificateStatus | null)[]>
  /** All certificates that are revoked and have not expired, read in pages. */
  revoked(filter: RevokedFilter): AsyncIterable<CertificateStatus>
  /** The status of all certificates that have not expired, read in pages. */
  allStatuses(filter: RevokedFilter): AsyncIterable<CertificateStatus & Pick<StoredCertificate, 'der'>>
  /** What is going to happen to devices, counted. */
  lifeCounts(at: number): Promise<LifeCounts>
  /** The number of the next CRL of a device CA, which no other has (RFC 5280, 5.2.3). */
  nextCrlNumber(ca: string): Promise<number>
  /** Gives a device another name. False when there is no such device. */
  rename(uuid: string, name: string): Promise<boolean>
  device(uuid: string): Promise<DeviceDetails | null>
  /**
   * In the order of their UUIDs, read in pages, so that a million devices are never in memory.
   *
   * @param skip how many to leave out at the beginning; by default none
   */
  devices(filter: DeviceFilter, skip?: number): AsyncIterable<DeviceRecord>
  /** The same devices with the newest certificate of each. */
  certificates(filter: DeviceFilter): AsyncIterable<DeviceCertificate>
  count(filter: DeviceFilter): Promise<DeviceCount>
  /** All devices, counted by line and by the day of their first certificate; in the order of these. */
  countByDay(): Promise<readonly DayCount[]>
  /** How many certificates were ever recorded: the head that is compared with the audit log. */
  head(): Promise<RegisterHead>
  /** Up to `count` certificates, chosen at random. */
  sample(
    count: number,
    random: Pick<Random, 'bytes'>,
  ): Promise<readonly { readonly uuid: string; readonly der: Uint8Array }[]>
  /** What is wrong with the database itself, as a clause; null: nothing. Reads all of it. */
  damage(): Promise<string | null>
  close(): Promise<void>
}

/** What the register has for a {@link DeviceKey}. */
export interface LookUp {
  /** The device with that UUID; null: none yet. */
  readonly device: DeviceRecord | null
  /** Its newest certificate for that very key; null: none. */
  readonly certificate: StoredCertificate | null
  /** The UUID of the device that the key belongs to; null: of none. */
  readonly keyOwner: string | null
}

/** A device with its newest certificate. */
export interface DeviceCertificate {
  readonly device: DeviceRecord
  readonly certificate: StoredCertificate
}

/** A device with all its certificates, the newest first. */
export interface DeviceDetails extends DeviceRecord {
  readonly certificates: readonly IssuedCertificate[]
}

/** A certificate with the device CA that signed it: SHA-256 of its certificate, lower-case hex. */
export interface IssuedCertificate extends StoredCertificate {
  readonly ca: string
}

/** Certificates that were signed and are not known to anybody yet. */
export interface Commit {
  readonly line: string
  /** The device CA that signed: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
  readonly at: number
  /** Whether the Factory API is to be informed of the devices. */
  readonly announce: boolean
  readonly certificates: readonly NewCertificate[]
}

/** A new certificate of a device, and what the device is. */
export interface NewCertificate extends DeviceKey, DeviceFacts {
  /** Lower-case hex. */
  readonly serial: string
  readonly der: Uint8Array
  readonly notAfter: number
  /** What the request was registered with; null: it is issued offline. */
  readonly proof: RegistrationProof | null
}

/** What a request was registered with. It is checked again, and used, by the transaction that records the certificate. */
export interface RegistrationProof {
  readonly credential: Credential
  /** The entry of the token's allow list; null: it has no list. */
  readonly listed: number | null
}

/** A certificate that another register recorded. */
export interface ImportedCertificate extends Omit<NewCertificate, 'proof'> {
  readonly line: string
  readonly ca: string
  readonly issuedAt: number
  readonly state: CertificateState
  /** When it ended, or will; null: it is active, or ended when it was issued. */
  readonly endedAt: number | null
  /** When it was first seen in use; null: never. */
  readonly seenAt: number | null
  /** Since when its device is denied, and why; null: it is not. */
  readonly denied: Revocation | null
}

/** Devices that another service registered, all for one line. */
export interface ImportedKeys {
  readonly line: string
  /** The device CA that their certificates are of: SHA-256 of its certificate, lower-case hex. */
  readonly ca: string
  readonly at: number
  /** When the last of their certificates expires. */
  readonly notAfter: number
  readonly keys: readonly DeviceKey[]
}

/** How one certificate of a {@link Commit} ended. `existing`: another process was first, and this is the stored one. */
export type CommitOutcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'existing'; readonly certificate: StoredCertificate }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** How one imported certificate or key ended. */
export type ImportOutcome =
  | { readonly kind: 'imported' }
  | { readonly kind: 'existing' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** Which devices are meant; null matches any. */
export interface DeviceFilter {
  readonly line: string | null
  readonly ca: string | null
  readonly state: DeviceState | readonly DeviceState[] | null
  readonly hardwareId: string | null
  /** A name that somebody gave it: a device whose name is its UUID has none. */
  readonly name: string | null
  /** Issued at or after, and before. */
  readonly since: number | null
  readonly until: number | null
  /** Whose newest certificate expires before. */
  readonly expiringBefore: number | null
}

/** All devices. */
export const ALL_DEVICES: DeviceFilter = {
  line: null,
  ca: null,
  state: null,
  hardwareId: null,
  name: null,
  since: null,
  until: null,
  expiringBefore: null,
}

/** A number of devices. */
export interface DeviceCount {
  readonly devices: number
  /** Of these, in production. */
  readonly production: number
}

/** The devices of a line whose first certificate was issued on one day. */
export interface DayCount extends DeviceCount {
  readonly line: string
  /** In days since 1970 (UTC). */
  readonly day: number
}

/** See {@link DeviceRegister.head}. */
export interface RegisterHead {
  /** Random, made with the register: another register is another one. Lower-case hex. */
  readonly id: string
  readonly certificates: number
}

/** Who may have devices issued. */
export interface Line extends LineSettings {
  readonly name: string
  readonly state: LineState
  readonly createdAt: number
  /** How many devices were issued in all. */
  readonly issued: number
  /** The day of the newest, in days since 1970 (UTC), and how many were issued on it; both 0 before the first. */
  readonly day: number
  readonly issuedOnDay: number
}

/** What a line is set to; null: no limit. */
export interface LineSettings {
  /** SHA-256 of the certificate of the CA that signs, lower-case hex; null: the directory's local-ca. */
  readonly ca: string | null
  readonly quota: number | null
  readonly perDay: number | null
  readonly from: number | null
  readonly until: number | null
  readonly hardwareIds: readonly string[] | null
  readonly allowsProduction: boolean
  readonly group: string | null
  /** How long after its first certificate a device may come with another key, in milliseconds. */
  readonly reissueWindow: number
}

/** `paused`: until resumed. `closed`: for ever. */
export const LINE_STATES = ['open', 'paused', 'closed'] as const
/** See {@link LINE_STATES}. */
export type LineState = (typeof LINE_STATES)[number]

/** The line of the PKI directory's owner: it issues with local-ca, without limits, and exists in every register. */
export const DEFAULT_LINE = 'default'

/** The reissue window of a line that nobody set: 15 minutes, in milliseconds. */
export const DEFAULT_REISSUE_WINDOW = 15 * 60_000

/** The lines of the register. */
export interface LineStore {
  /** Throws ERR_EXISTS. */
  create(name: string, settings: LineSettings, at: number): Promise<Line>
  /** null when there is no such line. */
  get(name: string): Promise<Line | null>
  list(): Promise<readonly Line[]>
  /** Throws ERR_LINE when there is no such line, or it is closed, or the line `default` would be closed. */
  change(name: string, change: Partial<LineSettings> & { readonly state?: LineState }): Promise<Line>
}

/** One run of a command that issues. */
export interface Job {
  readonly id: number
  readonly line: string
  readonly startedAt: number
  /** null: it runs, or was interrupted. */
  readonly finishedAt: number | null
  readonly issued: number
  readonly reused: number
  readonly refused: number
}

/** The jobs of the register. */
export interface JobStore {
  begin(line: string, at: number): Promise<number>
  finish(id: number, at: number, counts: Pick<Job, 'issued' | 'reused' | 'refused'>): Promise<void>
  /** The newest first. */
  list(limit: number): Promise<readonly Job[]>
}
