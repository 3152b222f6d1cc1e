import { PKI_FILES } from '../../directory/names.js'
import type { FactoryApi } from '../../factory/api.js'
import { DEVICE_CA, type Profile, TLS_SERVER } from '../../pki/profiles.js'
import type { Certificate } from '../../pki/read-certificate.js'
import { serverNames } from '../../pki/server-name.js'
import { validityFrom } from '../../pki/validity.js'
import type { Clock } from '../../ports.js'
import { checkTemplate } from '../../signer/x509/certificate.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import type { CreatePkiOptions } from './options.js'

/** A certificate that `ca create` is going to sign, as far as it is known in advance. */
interface PlannedCertificate {
  readonly file: string
  readonly profile: Profile
  readonly commonName: string
  readonly names: readonly string[]
}

/**
 * Would every certificate that `ca create` is going to sign be valid below a root from elsewhere (RFC 5280, 6.1)? A factory's
 * root can be set only once, so this is checked before anything is created. The names in a server's own request are not known
 * in advance; that request is checked before it is signed.
 *
 * @throws FpkiError ERR_CONSTRAINTS with the first that would not, and the constraint
 */
export async function requireRoomBelow(
  root: Certificate,
  options: Pick<CreatePkiOptions, 'factory' | 'onlineCa' | 'localCa'>,
  { api, clock }: { readonly api: FactoryApi; readonly clock: Clock },
): Promise<void> {
  // Only nameConstraints depend on the user, and the first call makes the embedded API write its first file.
  const hasNameConstraints = root.extensions.some(({ type }) => type === 'nameConstraints')
  const userId = hasNameConstraints && options.localCa.kind !== 'none' ? (await api.getUser()).polisId : '0'
  for (const planned of plannedFor(options, userId, api)) await checkPlanned(planned, root, options.factory, clock())
}

function plannedFor(
  { onlineCa, localCa }: Pick<CreatePkiOptions, 'onlineCa' | 'localCa'>,
  userId: string,
  { plannedServer }: FactoryApi,
): readonly PlannedCertificate[] {
  const ca = { profile: DEVICE_CA, names: [] }
  return [
    ...(localCa.kind === 'none' ? [] : [{ ...ca, file: PKI_FILES.localCaCertificate, commonName: `fio-${userId}` }]),
    ...(plannedServer === undefined ? [] : [{ ...plannedServer, file: PKI_FILES.tlsCertificate, profile: TLS_SERVER }]),
    ...(onlineCa ? [{ ...ca, file: PKI_FILES.onlineCaCertificate, commonName: 'online-ca' }] : []),
  ]
}

async function checkPlanned(
  { file, profile, commonName, names }: PlannedCertificate,
  root: Certificate,
  factory: string,
  now: Date,
) {
  // Roots with other keys were refused before.
  if (root.publicKey.kind !== 'EC') return
  const template = {
    role: file,
    profile,
    // Key and serial number are no matter of constraints.
    serialNumber: Buffer.alloc(16, 0x5a),
    spki: root.spki,
    validity: validityFrom(now, profile.years, root),
    subject: await commonNameAndUnit(commonName, factory),
    issuer: root,
    names: serverNames(names),
  }
  await checkTemplate(template, root.publicKey.curve)
}
