import { credentialText } from '../../../devices/credential-store.js'
import { keyConflict } from '../../../devices/decide.js'
import { quotaLeft, whyClosed } from '../../../devices/line-limits.js'
import type { Refusal } from '../../../devices/refusal.js'
import { IN_USE, type Line, type LookUp, type NewCertificate } from '../../../devices/register.js'
import type { IssuedCertificate } from '../../../issuance/device-batch/model.js'
import type { DeviceResult, IssuedDevice, PlannedDevice, RefusedDevice } from '../model.js'
import { foldersWithoutKeys, lostKeyRefusal, makeKeys, withExistingKeys } from './made-keys.js'
import { secondKeyOf } from './plans.js'
import { at, next, refusedRow, reusedDevice } from './results.js'
import type { IssueChunkPorts, NewDevice, OrderedDevice, RoundTerms, WantedDevice } from './terms.js'

/**
 * Issues certificates for rows that have different UUIDs and keys: looks them up, decides, signs those that are new, and
 * commits them. Resolves to the results in the order of the rows.
 */
export async function issueRound(
  rows: readonly WantedDevice[],
  terms: RoundTerms,
  ports: IssueChunkPorts,
): Promise<readonly DeviceResult[]> {
  const { clock, register, output } = ports
  const asked = terms.makeKeys ? await withExistingKeys(rows, terms.factory, output) : rows
  const found = await register.lookUp(asked.map(({ uuid, order }) => ({ uuid, keyHash: order?.keyHash ?? NO_KEY })))
  const now = clock().getTime()
  const lost = asked.flatMap(({ uuid, order }, index) =>
    order === null && at(found, index).device !== null ? [uuid] : [],
  )
  const folders = await foldersWithoutKeys(lost, output)
  const decided = withinQuota(
    asked.map((row, index) => {
      const hasFolder = folders.has(row.uuid)
      return terms.plans?.decide(row, terms, now) ?? decideDevice(row, at(found, index), { now, hasFolder }, terms)
    }),
    terms.line,
    now,
  )
  const wanted = decided.filter((one) => one.kind === 'new')
  const issued = (await issueNew(wanted, terms, ports)).values()
  return decided.map((one) => (one.kind === 'new' ? next(issued) : one))
}

/** The hash of no key. */
const NO_KEY = new Uint8Array(32)

type Decided = NewDevice | IssuedDevice | RefusedDevice

function decideDevice(
  row: WantedDevice,
  found: LookUp,
  { now, hasFolder }: { readonly now: number; readonly hasFolder: boolean },
  terms: RoundTerms,
): Decided {
  const { certificate, device } = found
  if (certificate !== null && device !== null && device.state !== 'denied')
    return reusedDevice(row.at, device, certificate)
  const isNewKey = row.order === null
  const { name: line, reissueWindow } = terms.line
  const refusal =
    whyClosed(terms.line, now) ??
    registrationRefusal(row, found) ??
    secondKey(row, found, terms) ??
    (isNewKey && device !== null
      ? lostKeyRefusal(device, hasFolder, now, terms)
      : keyConflict(found, {
          uuid: row.uuid,
          issuedAt: now,
          line,
          credential: credentialOf(row),
          reissueWindow,
          by: 'this',
        }))
  if (refusal !== null) return refusedRow(row.at, row.uuid, refusal)
  return {
    ...row,
    kind: 'new',
    isFirst: device === null,
    keyWasLost: isNewKey && device !== null && device.state !== 'abandoned',
  }
}

function secondKey(
  { uuid, order, registration }: WantedDevice,
  { device }: LookUp,
  { startedAt }: RoundTerms,
): Refusal | null {
  // A device that registers itself has made the key just now.
  if (registration !== null || order === null || device === null) return null
  if (!IN_USE.includes(device.state) || device.issuedAt < startedAt) return null
  return secondKeyOf(uuid)
}

function registrationRefusal({ registration }: WantedDevice, { device }: LookUp): Refusal | null {
  if (registration === null) return null
  return registration.refusal ?? (device === null ? registration.firstRefusal : null)
}

/** As the register records it; null: it is issued offline. */
function credentialOf({ registration }: WantedDevice): string | null {
  return registration === null ? null : credentialText(registration.proof.credential)
}

/**
 * Refuses what is more than the line's quotas leave before a key is used or made. The register has the last word, because
 * other processes take from the quotas too. A device that registers itself may be on its way in another process as well: it is
 * refused here only when nothing is left, and then the register would have found it.
 */
function withinQuota(decided: readonly Decided[], line: Line, now: number): readonly Decided[] {
  const { count, refusal } = quotaLeft(line, now)
  let wanted = 0
  return decided.map((one) => {
    if (one.kind !== 'new' || !one.isFirst || ++wanted <= count) return one
    if (one.registration !== null && count > 0) return one
    return refusedRow(one.at, one.uuid, refusal)
  })
}

async function issueNew(
  devices: readonly NewDevice[],
  terms: RoundTerms,
  ports: IssueChunkPorts,
): Promise<readonly DeviceResult[]> {
  const lost = devices.filter(({ keyWasLost }) => keyWasLost).map(({ uuid }) => uuid)
  if (lost.length > 0) ports.onAbandon(lost.length)
  if (terms.plans !== null) {
    for (const device of devices) terms.plans.add(device)
    return devices.map(({ at, uuid, facts }): PlannedDevice => ({ kind: 'planned', at, uuid, ...facts }))
  }
  if (devices.length === 0) return []
  const { clock, batches, register } = ports
  // Before a new key is in the place of the lost one: a run that is killed in between leaves what the next one understands.
  if (lost.length > 0) await register.abandon(lost, clock().getTime())
  const ordered = terms.makeKeys ? await makeKeys(devices, ports) : devices.filter(isOrdered)
  const signed = await batches.certify(
    ordered.map(({ order }) => order),
    terms.validity,
  )
  const certificates = ordered.map((device, index) => newCertificate(device, at(signed, index), terms))
  const issuedAt = clock().getTime()
  const { line, issuer } = terms
  const outcomes = await register.commit({
    line: line.name,
    ca: issuer.fingerprint,
    at: issuedAt,
    announce: terms.announce,
    certificates,
  })
  return ordered.map((device, index) => {
    const outcome = at(outcomes, index)
    const certificate = at(certificates, index)
    if (outcome.kind === 'refused') return refusedRow(device.at, device.uuid, outcome.refusal)
    if (outcome.kind === 'existing') return reusedDevice(device.at, certificate, outcome.certificate)
    return issuedDevice(device, certificate, issuedAt)
  })
}

function issuedDevice({ at, uuid, facts }: OrderedDevice, certificate: NewCertificate, issuedAt: number): IssuedDevice {
  const { serial, der, notAfter } = certificate
  return { kind: 'issued', at, uuid, ...facts, serial, der, issuedAt, notAfter }
}

function newCertificate(
  { uuid, facts, order, registration }: OrderedDevice,
  { serial, der }: IssuedCertificate,
  { validity }: RoundTerms,
): NewCertificate {
  const proof = registration?.proof ?? null
  return { uuid, ...facts, keyHash: order.keyHash, serial, der, notAfter: validity.notAfter.getTime(), proof }
}

function isOrdered(device: NewDevice): device is OrderedDevice {
  return device.order !== null
}
