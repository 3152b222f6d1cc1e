import * as z from 'zod/mini'
import { counted } from '../../counted.js'
import { DAY, dateOf } from '../../day.js'
import { LINE_STATES } from '../../devices/register.js'
import type { CaStanding } from '../../directory/ca-standing.js'
import { type CertificateFacts, type CertificateRole, certificateFacts, certificateRole } from '../../pki/describe.js'

/** The states of a certificate in a picture or report. */
export const CERTIFICATE_STATES = [
  ...['valid', 'not-yet-valid', 'expiring', 'expired', 'disabled', 'revoked'],
  /** Its signature is not that of the root, or there is no root certificate to verify it with. */
  'unverified',
] as const
/** See {@link CERTIFICATE_STATES}. */
export type CertificateState = (typeof CERTIFICATE_STATES)[number]

/** A certificate of a hierarchy. */
export const hierarchyCertificate = z.strictObject({
  role: certificateRole,
  /** The file in the PKI directory; without one, the name of the role. */
  name: z.string(),
  /** Not an earlier one, such as `tls-crt.bak`. */
  current: z.boolean(),
  state: z.enum(CERTIFICATE_STATES),
  ...z.pick(certificateFacts, {
    ...{ subject: true, issuer: true, serialHex: true, notBefore: true, notAfter: true, daysLeft: true },
    ...{ keyType: true, signatureAlgorithm: true, fingerprint: true, signedByRoot: true },
  }).shape,
})

/** A line of the device register. */
export const hierarchyLine = z.strictObject({
  name: z.string(),
  state: z.enum(LINE_STATES),
  /** The fingerprint of the device CA that signs for it; null: local-ca. */
  ca: z.nullable(z.string()),
  devices: z.int(),
  /** Of these, in production. */
  production: z.int(),
})

/** See {@link hierarchyCertificate}. */
export type HierarchyCertificate = z.infer<typeof hierarchyCertificate>
/** See {@link hierarchyLine}. */
export type HierarchyLine = z.infer<typeof hierarchyLine>

/** A device CA and the lines that it signs for. */
interface DeviceCaNode {
  readonly certificate: HierarchyCertificate
  readonly lines: readonly HierarchyLine[]
}

/** The hierarchy of a PKI. Renderers turn it into a picture. */
export interface Hierarchy {
  readonly factory: string
  /** RFC 3339. */
  readonly at: string
  /** null: it cannot be read. */
  readonly root: HierarchyCertificate | null
  /** What this root has signed for other roots: what they have issued is accepted with it. */
  readonly crossCertificates: readonly HierarchyCertificate[]
  readonly servers: readonly HierarchyCertificate[]
  readonly deviceCas: readonly DeviceCaNode[]
  /** Lines of device CAs that are not among `deviceCas`. */
  readonly otherLines: readonly HierarchyLine[]
}

/** The time that a picture is of. */
export interface StateAt {
  readonly now: Date
  /** A certificate that expires within so many days is `expiring`. */
  readonly warnDays: number
}

/** What a hierarchy shows of `facts`. */
export function hierarchyCertificateOf(
  facts: CertificateFacts,
  place: Pick<HierarchyCertificate, 'role' | 'name' | 'current'> & { readonly standing: CaStanding },
  at: StateAt,
): HierarchyCertificate {
  const { role, name, current, standing } = place
  const { subject, issuer, serialHex, notBefore, notAfter, daysLeft } = facts
  const { keyType, signatureAlgorithm, fingerprint, signedByRoot } = facts
  const state = stateOf(facts, { role, standing }, at)
  return {
    ...{ role, name, current, state, subject, issuer, serialHex, notBefore, notAfter, daysLeft },
    ...{ keyType, signatureAlgorithm, fingerprint, signedByRoot },
  }
}

/**
 * Whether it does not verify with the root's key. It is not known whether another CA has signed it or nobody: the root has not. A
 * root that another CA has signed is trusted all the same.
 */
export function isUnverified({
  role,
  subject,
  issuer,
  signedByRoot,
}: Pick<HierarchyCertificate, 'role' | 'subject' | 'issuer' | 'signedByRoot'>): boolean {
  return !signedByRoot && (role !== 'root' || subject === issuer)
}

/** What matters most is first: a revoked certificate that has expired as well is revoked. */
function stateOf(
  facts: Pick<CertificateFacts, 'notBefore' | 'notAfter' | 'signedByRoot' | 'subject' | 'issuer'>,
  { role, standing }: { readonly role: CertificateRole; readonly standing: CaStanding },
  { now, warnDays }: StateAt,
): CertificateState {
  if (standing === 'revoked') return 'revoked'
  if (isUnverified({ ...facts, role })) return 'unverified'
  const { notBefore, notAfter } = facts
  const left = Date.parse(notAfter) - now.getTime()
  if (left < 0) return 'expired'
  if (standing === 'disabled') return 'disabled'
  if (now.getTime() < Date.parse(notBefore)) return 'not-yet-valid'
  return left < warnDays * DAY ? 'expiring' : 'valid'
}

/** Arranges certificates and lines. Earlier device CAs stay in the picture, because gateways may accept their devices. */
export function hierarchyOf(
  { factory, at }: Pick<Hierarchy, 'factory' | 'at'>,
  certificates: readonly HierarchyCertificate[],
  lines: readonly HierarchyLine[],
): Hierarchy {
  const current = (...roles: readonly CertificateRole[]) =>
    certificates.filter((one) => one.current && roles.includes(one.role))
  const cas = distinct(certificates.filter(({ role }) => role === 'online-ca' || role === 'local-ca'))
  const localCa = cas.find(({ name, role }) => name === 'local-ca.pem' || (name === 'local-ca' && role === 'local-ca'))
  const caOf = ({ ca }: HierarchyLine) => ca ?? localCa?.fingerprint ?? null
  const deviceCas = cas.map((certificate) => ({
    certificate,
    lines: lines.filter((line) => caOf(line) === certificate.fingerprint),
  }))
  const placed = new Set(deviceCas.flatMap((node) => node.lines))
  return {
    factory,
    at,
    root: current('root')[0] ?? null,
    crossCertificates: current('cross'),
    servers: current('tls', 'est-tls'),
    deviceCas,
    otherLines: lines.filter((line) => !placed.has(line)),
  }
}

/** The current one of several files with the same certificate. */
function distinct(certificates: readonly HierarchyCertificate[]): readonly HierarchyCertificate[] {
  const currentFirst = certificates.toSorted((a, b) => Number(b.current) - Number(a.current))
  const byFingerprint = new Map(currentFirst.toReversed().map((one) => [one.fingerprint, one]))
  return currentFirst.filter((one) => byFingerprint.get(one.fingerprint) === one)
}

/** A state in words, with the time that is left or over. */
export function stateText({
  state,
  daysLeft,
  notAfter,
}: Pick<HierarchyCertificate, 'state' | 'daysLeft' | 'notAfter'>): string {
  const days = counted(daysLeft, 'day')
  switch (state) {
    case 'valid':
      return `valid, ${days} left`
    case 'expiring':
      return `EXPIRES in ${days}`
    case 'expired':
      return `EXPIRED on ${dateOf(notAfter)}`
    case 'not-yet-valid':
      return 'NOT VALID YET'
    case 'disabled':
      return 'DISABLED'
    case 'revoked':
      return 'REVOKED'
    case 'unverified':
      return 'SIGNATURE NOT VERIFIED'
  }
}
