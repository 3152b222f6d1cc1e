import { FpkiError } from '../../errors.js'
import { lazy } from '../../lazy.js'
import { parseAndVerifyCsr } from '../../pki/csr.js'
import { rfc3339 } from '../../pki/describe.js'
import { isDeviceCaName } from '../../pki/device-ca-name.js'
import { attributeValues } from '../../pki/name.js'
import { equivalentNames } from '../../pki/name-comparison.js'
import { pathProblem } from '../../pki/path.js'
import { isSelfIssued } from '../../pki/path-validation/self-issued.js'
import { encodePem } from '../../pki/pem.js'
import { type PublicKey, sameKey } from '../../pki/public-key.js'
import { type Certificate, isIssuedBy, readPemCertificate, readPemCertificates } from '../../pki/read-certificate.js'
import { type CertificatesUpdate, type CsrKind, FactoryApiError, type FactoryCertificates } from '../api.js'
import { refusal } from './refusal.js'
import { afterCrl } from './revocations.js'
import type { FactoryState, StoredCsr } from './state.js'

/**
 * The state after `update` at the time `now`. Throws {@link FactoryApiError} when the update violates a rule of
 * docs/profile.md#embedded-api; nothing is applied then.
 */
export function applyUpdate(state: FactoryState, update: CertificatesUpdate, now: Date): FactoryState {
  try {
    return stateAfter(state, update, now)
  } catch (error) {
    if (!(error instanceof FpkiError) || error instanceof FactoryApiError) throw error
    throw refusal(state.factory, 400, error.message.replace(/\.$/, ''))
  }
}

function stateAfter(state: FactoryState, update: CertificatesUpdate, now: Date): FactoryState {
  const root = rootAfter(state, update, now)
  const storedKeys = state.csrs.map((stored) => ({
    stored,
    key: lazy(() => parseAndVerifyCsr(stored.csr, 'a stored request').publicKey),
  }))
  const scene = { ...state, storedKeys, root, now }
  const taken = [
    ...serverCertificates(scene, 'tls', update.tlsCrt),
    ...serverCertificates(scene, 'estTls', update.estTlsCrt),
    ...deviceCas(scene, update.caCrt),
  ]
  const certificates = afterCrl(merged(state.certificates, update, root), update.caRevokeCrl, scene)
  const isTaken = (key: PublicKey) => taken.some(({ publicKey }) => sameKey(key, publicKey))
  return {
    ...state,
    csrs: storedKeys.map(({ stored, key }) => ({ ...stored, answered: stored.answered || isTaken(key()) })),
    certificates: { ...certificates, changeMeta: changeMetaAfter(state, now) },
  }
}

function rootAfter(state: FactoryState, { rootCrt }: CertificatesUpdate, now: Date): Certificate {
  const current = state.certificates?.rootCrt
  if (rootCrt === undefined) {
    if (current === undefined) throw refusal(state.factory, 400, 'the root of trust is not set yet')
    return readPemCertificate(current, 'root-crt')
  }
  if (current !== undefined)
    throw refusal(state.factory, 409, 'the root of trust is already set, and can be set only once')
  const root = readPemCertificate(rootCrt, 'root-crt')
  requireCa(root, 'root-crt', state.factory, now)
  if (root.parsedExtensions.basicConstraints?.pathLenConstraint === 0)
    throw refusal(state.factory, 400, 'root-crt has pathLen 0 and so cannot issue device CAs')
  // A root signed by a company CA is itself the trust anchor; the API cannot check its signature.
  if (isSelfIssued(root) && !isIssuedBy(root, root))
    throw refusal(state.factory, 400, 'root-crt is self-issued, but its own key did not sign it')
  return root
}

/** A key that the API generated, parsed on demand: there are many after many rotations. */
interface StoredKey {
  readonly stored: StoredCsr
  key(): PublicKey
}

/** What an update is checked against. */
interface Scene extends FactoryState {
  readonly root: Certificate
  readonly now: Date
  /** The keys that the API generated. */
  readonly storedKeys: readonly StoredKey[]
}

function serverCertificates(scene: Scene, kind: CsrKind, pem: string | undefined): readonly Certificate[] {
  if (pem === undefined) return []
  const what = kind === 'tls' ? 'tls-crt' : 'est-tls-crt'
  const certificate = readPemCertificate(pem, what)
  requireIssued(certificate, what, scene)
  if (certificate.parsedExtensions.basicConstraints?.ca) throw refusal(scene.factory, 400, `${what} is a CA`)
  if (!certificate.parsedExtensions.extKeyUsage?.includes('serverAuth'))
    throw refusal(scene.factory, 400, `${what} lacks the extKeyUsage serverAuth`)
  if (!hasStoredKey(scene, kind, certificate))
    throw refusal(scene.factory, 400, `${what} is not for a key of this factory`, OTHER_STATE)
  return [certificate]
}

function deviceCas(scene: Scene, pem: string | undefined): readonly Certificate[] {
  const { factory, userId, now } = scene
  if (pem === undefined || pem.trim() === '') return []
  const certificates = readPemCertificates(pem, 'ca-crt')
  for (const certificate of certificates) {
    requireIssued(certificate, 'ca-crt', scene)
    requireCa(certificate, 'ca-crt', factory, now)
    const isLocal = attributeValues(certificate.subject, 'CN').includes(`fio-${userId}`)
    if (!isLocal && !hasStoredKey(scene, 'ca', certificate)) {
      throw refusal(
        factory,
        400,
        `a certificate of ca-crt is neither for a key of this factory nor named fio-${userId}`,
        isDeviceCaName(certificate.subject) ? OTHER_STATE : otherName(userId, factory),
      )
    }
  }
  const serials = new Set(certificates.map(({ serialNumber }) => serialNumber))
  if (serials.size !== certificates.length)
    throw refusal(factory, 400, 'two certificates of ca-crt have the same serial number')
  return certificates
}

function requireIssued(certificate: Certificate, what: string, { factory, root, now }: Scene): void {
  if (equivalentNames(certificate.subject, root.subject))
    throw refusal(factory, 400, `${what} has the same subject as the root of trust`)
  if (!isIssuedBy(certificate, root)) throw refusal(factory, 400, `${what} is not signed by the root of trust`)
  if (now > certificate.notAfter) throw refusal(factory, 400, `${what} has expired`)
  const at = certificate.notBefore < root.notBefore ? root.notBefore : certificate.notBefore
  const problem = pathProblem(certificate, { root, at })
  if (problem !== null) throw refusal(factory, 400, `${what} has no valid path to the root of trust: ${problem}`)
}

function requireCa(certificate: Certificate, what: string, factory: string, now: Date): void {
  const { basicConstraints, keyUsage } = certificate.parsedExtensions
  if (!basicConstraints?.ca || !keyUsage?.includes('keyCertSign')) throw refusal(factory, 400, `${what} is not a CA`)
  const units = attributeValues(certificate.subject, 'OU')
  if (units.length !== 1 || units[0] !== factory)
    throw refusal(factory, 400, `the subject of ${what} lacks OU=${factory}`)
  if (now > certificate.notAfter) throw refusal(factory, 400, `${what} has expired`)
}

function hasStoredKey({ storedKeys }: Scene, kind: CsrKind, { publicKey }: Certificate): boolean {
  // Most likely the newest.
  return storedKeys.findLast(({ stored, key }) => stored.kind === kind && sameKey(key(), publicKey)) !== undefined
}

function merged(current: FactoryCertificates | null, update: CertificatesUpdate, root: Certificate) {
  return {
    rootCrt: encodePem('CERTIFICATE', root.der),
    tlsCrt: update.tlsCrt ?? current?.tlsCrt ?? null,
    // An empty list counts as no list.
    caCrt: update.caCrt?.trim() === '' ? null : (update.caCrt ?? current?.caCrt ?? null),
    estTlsCrt: update.estTlsCrt ?? current?.estTlsCrt ?? null,
    caRevokeCrl: current?.caRevokeCrl ?? null,
    disabledCaSerials: current?.disabledCaSerials ?? [],
  }
}

function changeMetaAfter({ certificates, userId }: FactoryState, now: Date): FactoryCertificates['changeMeta'] {
  const { createdBy, createdAt } = certificates?.changeMeta ?? { createdBy: userId, createdAt: rfc3339(now) }
  return { createdBy, createdAt, updatedBy: userId, updatedAt: rfc3339(now) }
}

function otherName(userId: string, factory: string): string {
  return `Create the request again with the subject CN=fio-${userId}, OU=${factory}, sign it with \`ca sign\`, and upload it. Nothing was changed.`
}

/** The keys and the user id never change, so the folder was removed or replaced. */
const OTHER_STATE =
  'Its state is not the one that this PKI was created with: restore it from a backup, or create a new PKI in another directory. Nothing was changed.'
