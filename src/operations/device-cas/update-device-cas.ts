import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import type { FactoryApi, FactoryCertificates, VersionedCertificates } from '../../factory/api.js'
import { retryOnConflict } from '../../factory/retry-on-conflict.js'
import { jsonDocument } from '../../json-document.js'
import { isCrlOf, revokedSerials } from '../../pki/crl.js'
import { certificateFacts, describeCertificate, rfc3339 } from '../../pki/describe.js'
import { attributeValues } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import { encodePem } from '../../pki/pem.js'
import { isCompressed, sameKey } from '../../pki/public-key.js'
import { type Certificate, isIssuedBy, readPemCertificate, readPemCertificates } from '../../pki/read-certificate.js'
import { readCrl } from '../../pki/read-crl.js'
import type { Clock } from '../../ports.js'
import { serialToHex } from '../../serial-hex.js'
import { deviceCasOf } from '../open-pki.js'
import { notInitialized } from '../show/show-pki.js'
import { dangersOf } from './device-ca-plan.js'

/** What `fpki ca update --json` prints. */
export const updateDeviceCasResult = jsonDocument({
  factory: z.string(),
  /** The Factory API. */
  api: z.string(),
  /** false: it already had this list. */
  changed: z.boolean(),
  added: z.array(certificateFacts),
  removed: z.array(certificateFacts),
  kept: z.array(certificateFacts),
})

/** See {@link updateDeviceCasResult}. */
export type UpdateDeviceCasResult = z.infer<typeof updateDeviceCasResult>

/** The effect of an update. */
export type UpdatePlan = Omit<UpdateDeviceCasResult, 'changed'> & {
  /** A sentence for each severe consequence. */
  readonly dangers: readonly string[]
}

/** The new list of device CAs. */
export interface UpdateDeviceCasOptions {
  readonly factory: string
  /** PEM: all device CAs, and nothing else. */
  readonly text: string
  /** Names the text in messages. */
  readonly what: string
}

/** Ports of `ca update`. */
export interface UpdateDeviceCasPorts {
  readonly api: FactoryApi
  readonly clock: Clock
  /** Asks for confirmation; throws ERR_NOT_CONFIRMED when it is denied. */
  confirm(plan: UpdatePlan): Promise<void>
}

/**
 * Replaces the Factory API's list of device CAs (docs/profile.md#ca-update).
 *
 * @throws FpkiError ERR_NOT_INITIALIZED; ERR_BAD_FILE or ERR_BAD_CERTIFICATE when the text is not a list of device CAs of
 *   this factory; ERR_NOT_CONFIRMED; ERR_API
 */
export async function updateDeviceCas(
  { factory, text, what }: UpdateDeviceCasOptions,
  { api, clock, confirm }: UpdateDeviceCasPorts,
): Promise<UpdateDeviceCasResult> {
  const inApi = await api.getCertificates()
  if (inApi === null) throw notInitialized(factory)
  const root = readPemCertificate(inApi.rootCrt, 'root-crt')
  const newCas = readPemCertificates(text, what)
  newCas.forEach((certificate, index) => {
    checkDeviceCa(certificate, { root, factory, now: clock(), what: `Certificate ${index + 1} in ${what}` })
  })
  refuseDuplicates(newCas, what)
  const current = deviceCasOf(inApi)
  const describe = (cas: readonly Certificate[]) => cas.map((ca) => describeCertificate(ca, root, clock()))
  const removed = without(current, newCas)
  const report = {
    factory,
    api: api.name,
    added: describe(without(newCas, current)),
    removed: describe(removed),
    kept: describe(without(current, removed)),
  }
  if (report.added.length + removed.length === 0) return { ...report, changed: false }
  const dangers = [...revokedAgain(without(newCas, current), inApi, root), ...dangersOfUpdate(removed, newCas, inApi)]
  await confirm({ ...report, dangers })
  const caCrt = newCas.map(({ der }) => encodePem('CERTIFICATE', der)).join('\n')
  await retryOnConflict(async () => api.updateCertificates({ caCrt }, await unchangedVersion(api, inApi)))
  const after = await api.getCertificates()
  const listed = after === null ? [] : deviceCasOf(after)
  const [missing, surplus] = [without(newCas, listed), without(listed, newCas)]
  if (missing.length + surplus.length === 0) return { ...report, changed: true }
  const serials = [...missing, ...surplus].map(({ serialNumber }) => serialToHex(serialNumber))
  throw new FpkiError(
    'ERR_API',
    `The Factory API accepted the update, but its device CAs differ from the new list (serial numbers ${serials.join(', ')}).`,
    `Check them with \`fpki ca show --pretty --factory ${factory}\`, then run the command again.`,
  )
}

/**
 * The version to update. Fails if a device CA was added, revoked or disabled since the user confirmed the change.
 */
async function unchangedVersion(api: FactoryApi, confirmed: VersionedCertificates): Promise<string | null> {
  const inApi = await api.getCertificates()
  const facts = ({ caCrt, caRevokeCrl, disabledCaSerials }: VersionedCertificates) =>
    JSON.stringify([caCrt, caRevokeCrl, disabledCaSerials])
  if (inApi !== null && facts(inApi) === facts(confirmed)) return inApi.version
  throw new FpkiError(
    'ERR_NOT_CONFIRMED',
    'The device CAs in the Factory API have changed since the confirmation.',
    'Nothing was sent. Run the command again, and check what it will remove.',
  )
}

function without(some: readonly Certificate[], others: readonly Certificate[]): readonly Certificate[] {
  return some.filter(({ der }) => !others.some((other) => sameOctets(other.der, der)))
}

/** A revoked CA in the new list becomes active again, because the gateway only checks the list. */
function revokedAgain(
  added: readonly Certificate[],
  { caRevokeCrl }: FactoryCertificates,
  root: Certificate,
): readonly string[] {
  const crl = caRevokeCrl === null ? null : readCrl(caRevokeCrl, 'ca-revoke-crl')
  const revoked = crl !== null && isCrlOf(crl, root) ? revokedSerials(crl) : []
  return added
    .filter(({ serialNumber }) => revoked.includes(serialNumber))
    .map(
      ({ serialNumber }) =>
        `The device CA ${serialToHex(serialNumber)} was revoked; the gateway will accept its devices again.`,
    )
}

function dangersOfUpdate(
  removed: readonly Certificate[],
  newCas: readonly Certificate[],
  { disabledCaSerials }: FactoryCertificates,
): readonly string[] {
  if (removed.length === 0) return []
  const isEnabled = ({ serialNumber }: Certificate) => !disabledCaSerials.includes(serialNumber.toString())
  const names = removed.map(({ serialNumber }) => serialToHex(serialNumber))
  return [
    `The gateway will reject the devices of the removed CAs (${names.join(', ')}).`,
    ...dangersOf(removed.filter(isEnabled), newCas.filter(isEnabled)),
  ]
}

interface DeviceCaScene {
  readonly root: Certificate
  readonly factory: string
  readonly now: Date
  readonly what: string
}

/** A device CA of this factory, signed by its root (docs/profile.md#ca-update). */
function checkDeviceCa(certificate: Certificate, { root, factory, now, what }: DeviceCaScene): void {
  const { basicConstraints, keyUsage } = certificate.parsedExtensions
  const units = attributeValues(certificate.subject, 'OU')
  const problems = [
    isIssuedBy(certificate, root) ? null : 'is not signed by the root of the factory',
    basicConstraints?.ca && keyUsage?.includes('keyCertSign') ? null : 'is not a CA',
    units.length === 1 && units[0] === factory ? null : `has OU=${units.join(', OU=')}, not OU=${factory}`,
    sameKey(certificate.publicKey, root.publicKey) ? 'has the key of the root' : null,
    isCompressed(certificate.spki) ? 'has a compressed public key, which devices cannot read' : null,
    now <= certificate.notAfter ? null : `expired on ${rfc3339(certificate.notAfter)}`,
  ]
  const problem = problems.find((found) => found !== null)
  if (problem === undefined) return
  throw new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${what} ${problem}.`,
    'Nothing was sent. The file must contain all device CAs of this factory, and nothing else.',
  )
}

function refuseDuplicates(certificates: readonly Certificate[], what: string): void {
  const serials = certificates.map(({ serialNumber }) => serialNumber)
  const twice = serials.find((serial, index) => serials.indexOf(serial) !== index)
  if (twice === undefined) return
  throw new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `Two certificates in ${what} have the serial number ${serialToHex(twice)}.`,
    'Nothing was sent. Remove one of them.',
  )
}
