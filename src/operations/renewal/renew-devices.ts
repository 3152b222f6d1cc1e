import type { CommitOutcome, Line, StoredCertificate } from '../../devices/register.js'
import type { RenewedCertificate } from '../../devices/renewal.js'
import { wavesOf } from '../../devices/waves.js'
import type { CertificateOrder, CheckedRequest, IssuedCertificate } from '../../issuance/device-batch/model.js'
import { rfc3339 } from '../../pki/describe.js'
import { keyHashOf } from '../../pki/fingerprint.js'
import { sameOctets } from '../../pki/octets.js'
import type { Validity } from '../../pki/validity.js'
import type { Clock } from '../../ports.js'
import { at as elementAt, next } from '../devices/issue/results.js'
import type { Issuers, LineIssuer } from '../registration/issuers.js'
import type { ServiceRegister } from '../registration/issuing-thread/calls.js'
import { type EstOutcome, type EstRefused, type RenewingDevice, refused } from './model.js'
import { type RenewalTerms, SAME_KEY_UNTIL } from './options.js'

/** A request (DER) of a device that was identified. */
export interface RenewalOrder {
  readonly request: Uint8Array
  readonly device: RenewingDevice
}

/** Ports of {@link renewDevices}. */
export interface RenewDevicesPorts {
  readonly register: Pick<ServiceRegister, 'renew'>
  /** null: there is no such line. */
  lineNamed(name: string): Promise<Line | null>
  readonly issuers: Pick<Issuers, 'of'>
  readonly clock: Clock
}

/** A verified request for another certificate of a device. */
interface Wanted extends RenewalOrder {
  readonly kind: 'wanted'
  readonly order: CertificateOrder
}

/**
 * Renews certificates of devices of one line together: checks their requests, signs with the CA that the line has
 * now, and commits all in one transaction. Resolves to the outcomes in the order of the orders. A line that is paused or closed
 * makes no new devices, but those that it has made go on. Throws what the register and the key throw.
 */
export async function renewDevices(
  name: string,
  orders: readonly RenewalOrder[],
  terms: Pick<RenewalTerms, 'renewFrom' | 'overlap'>,
  ports: RenewDevicesPorts,
): Promise<readonly EstOutcome[]> {
  const line = await ports.lineNamed(name)
  if (line === null) throw new Error(`the line ${name} has disappeared from the register`)
  const issuer = ports.issuers.of(line)
  const checked = await issuer.batches.check(
    orders.map(({ request }) => request),
    { allowsProduction: true },
  )
  const now = ports.clock()
  const decided = orders.map((order, at) => decide(order, elementAt(checked, at), terms, now))
  const outcomes = new Map<Wanted, EstOutcome>()
  const wanted = decided.filter((one) => one.kind === 'wanted')
  for (const wave of wavesOf(wanted, namesOf)) {
    const renewed = (await renewWave(wave, { line, issuer, terms }, ports)).values()
    for (const one of wave) outcomes.set(one, next(renewed))
  }
  return decided.map((one) => (one.kind === 'refused' ? one : (outcomes.get(one) ?? missing())))
}

/** RFC 7030, 4.2.2: the subject must be identical; what else may be asked for, the policy has decided. */
function decide(
  order: RenewalOrder,
  checked: CheckedRequest,
  { renewFrom }: Pick<RenewalTerms, 'renewFrom'>,
  now: Date,
): Wanted | EstRefused {
  const { uuid, isProduction, certificate } = order.device
  if (checked.kind === 'refused') return refused(uuid, checked.code, checked.reason)
  const { kind: _, uuid: itsUuid, isProduction: itsProduction, ...certificateOrder } = checked
  const mismatch = (reason: string) => refused(uuid, 'renewal-subject', reason)
  if (itsUuid !== uuid) return mismatch(`its request is for ${itsUuid}, its client certificate for ${uuid}`)
  if (itsProduction !== isProduction)
    return mismatch(`its request is ${itsProduction ? '' : 'not '}for a production device`)
  if (!sameOctets(certificateOrder.subject, certificate.subject.der))
    return mismatch('the subject of its request is not encoded as that of its client certificate')
  const from = new Date(pointOf(certificate, renewFrom / 100))
  if (now < from) return refused(uuid, 'renewal-early', `its client certificate may be renewed from ${rfc3339(from)}`)
  return { ...order, kind: 'wanted', order: certificateOrder }
}

/** When a part of the validity of a certificate has passed. */
function pointOf({ notBefore, notAfter }: Pick<Validity, 'notBefore' | 'notAfter'>, part: number): number {
  return notBefore.getTime() + Math.round((notAfter.getTime() - notBefore.getTime()) * part)
}

/** Of the same device, or for the same key, one order is decided after the other is in the register. */
function namesOf({ device, order }: Wanted): readonly string[] {
  return [device.uuid, Buffer.from(order.keyHash).toString('latin1')]
}

/** What the orders of a wave have in common. */
interface Common {
  readonly line: Line
  readonly issuer: LineIssuer
  readonly terms: Pick<RenewalTerms, 'overlap'>
}

/**
 * The register knew these devices a moment ago, and looks up everything again before it records: whether the device is denied,
 * whose key it is, and whether it has another certificate for it. So only a request that is repeated is signed for nothing.
 */
async function renewWave(
  orders: readonly Wanted[],
  common: Common,
  ports: RenewDevicesPorts,
): Promise<readonly EstOutcome[]> {
  const now = ports.clock()
  const decided = orders.map((wanted) => withOwnKey(wanted, now) ?? wanted)
  const fresh = decided.filter((one) => one.kind === 'wanted')
  const renewed = (await renewNew(fresh, common, ports)).values()
  return decided.map((one) => (one.kind === 'wanted' ? next(renewed) : one))
}

/**
 * A device may keep its key (RFC 7030, 4.2.2): it gets the certificate that it has while that is young and good, so that asking
 * again and again makes nothing. null: a certificate is issued.
 */
function withOwnKey({ device: { uuid, presented, certificate: own }, order }: Wanted, now: Date): EstOutcome | null {
  if (presented === null || !sameOctets(order.keyHash, presented.certificate.keyHash)) return null
  const { serial, der } = presented.certificate
  const isYoung = now.getTime() < pointOf(own, SAME_KEY_UNTIL)
  return isYoung && isGood(presented.certificate, now) ? { kind: 'reused', uuid, serial, der } : null
}

function isGood({ state, endedAt, notAfter }: StoredCertificate, now: Date): boolean {
  const at = now.getTime()
  const isActive = state === 'active' || (state === 'superseded' && endedAt !== null && at < endedAt)
  return isActive && at < notAfter
}

async function renewNew(
  orders: readonly Wanted[],
  { line, issuer, terms }: Common,
  { register, clock }: RenewDevicesPorts,
): Promise<readonly EstOutcome[]> {
  if (orders.length === 0) return []
  const validity = issuer.validity()
  const signed = await issuer.batches.certify(
    orders.map(({ order }) => order),
    validity,
  )
  const ca = issuer.issuer.fingerprint
  const notAfter = validity.notAfter.getTime()
  const certificates = orders.map((order, at) => renewed(order, elementAt(signed, at), { ca, notAfter, line }))
  const outcomes = await register.renew({ at: clock().getTime(), overlap: terms.overlap, certificates })
  return certificates.map((certificate, at) => outcomeOf(certificate, elementAt(outcomes, at)))
}

function renewed(
  { device, order }: Wanted,
  { serial, der }: IssuedCertificate,
  { ca, notAfter, line }: { readonly ca: string; readonly notAfter: number; readonly line: Line },
): RenewedCertificate {
  const { uuid, isProduction, certificate: own, presented } = device
  const adopted = {
    ...{ name: uuid, isProduction, line: line.name, ca: device.ca, keyHash: keyHashOf(own.spki), der: own.der },
    ...{ issuedAt: own.notBefore.getTime(), notAfter: own.notAfter.getTime() },
  }
  return {
    ...{ uuid, keyHash: order.keyHash, ca, serial, der, notAfter },
    ...{ presented: device.serial, adopted: presented === null ? adopted : null },
  }
}

function outcomeOf({ uuid, serial, der }: RenewedCertificate, outcome: CommitOutcome): EstOutcome {
  if (outcome.kind === 'refused') return refused(uuid, outcome.refusal.code, outcome.refusal.reason)
  if (outcome.kind === 'existing') {
    const { certificate } = outcome
    return { kind: 'reused', uuid, serial: certificate.serial, der: certificate.der }
  }
  return { kind: 'issued', uuid, serial, der }
}

function missing(): never {
  throw new Error('an answer is missing in a batch')
}
