import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { changeMeta, type FactoryApi } from '../../factory/api.js'
import { jsonDocument } from '../../json-document.js'
import { type CertificateRole, certificateFacts, certificateRole, describeCertificate } from '../../pki/describe.js'
import { attributeValues } from '../../pki/name.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock } from '../../ports.js'
import { deviceCasOf } from '../open-pki.js'

/** A certificate and its role. */
const shownCertificate = z.extend(certificateFacts, {
  role: certificateRole,
  /** A device CA whose devices the Factory API does not accept. */
  disabled: z.boolean(),
})

/** What `fpki ca show --json` prints. */
export const showPkiResult = jsonDocument({
  factory: z.string(),
  /** The Factory API. */
  api: z.string(),
  root: shownCertificate,
  tls: z.nullable(shownCertificate),
  estTls: z.nullable(shownCertificate),
  deviceCas: z.array(shownCertificate),
  /** Decimal. */
  disabledCaSerials: z.array(z.string()),
  changeMeta,
})

/** What `fpki est show --json` prints. */
export const showEstResult = jsonDocument({ factory: z.string(), api: z.string(), estTls: shownCertificate })

/** See {@link showEstResult}. */
export type ShowEstResult = z.infer<typeof showEstResult>

/** See {@link showPkiResult}. */
export type ShowPkiResult = z.infer<typeof showPkiResult>

/** One certificate of a {@link ShowPkiResult}. */
export type ShownCertificate = z.infer<typeof shownCertificate>

/**
 * The PKI of a factory in the Factory API.
 *
 * @throws FpkiError ERR_NOT_INITIALIZED when there is no PKI yet; ERR_API; ERR_BAD_CERTIFICATE or ERR_BAD_FILE when a
 *   certificate in the response is malformed
 */
export async function showPki(
  { factory }: { readonly factory: string },
  { api, clock }: { readonly api: FactoryApi; readonly clock: Clock },
): Promise<ShowPkiResult> {
  const certificates = await api.getCertificates()
  if (certificates === null) throw notInitialized(factory)
  const root = readPemCertificate(certificates.rootCrt, 'root-crt')
  const facts = { root, now: clock(), disabled: new Set(certificates.disabledCaSerials) }
  return {
    factory,
    api: api.name,
    root: show(root, 'root', facts),
    tls: showServer(certificates.tlsCrt, 'tls', facts),
    estTls: showServer(certificates.estTlsCrt, 'est-tls', facts),
    deviceCas: deviceCasOf(certificates).map((ca) => show(ca, roleOf(ca), facts)),
    disabledCaSerials: certificates.disabledCaSerials,
    changeMeta: certificates.changeMeta,
  }
}

interface Facts {
  readonly root: Certificate
  readonly now: Date
  readonly disabled: ReadonlySet<string>
}

function show(certificate: Certificate, role: CertificateRole, { root, now, disabled }: Facts): ShownCertificate {
  const facts = describeCertificate(certificate, root, now)
  return { role, disabled: disabled.has(facts.serial), ...facts }
}

function showServer(pem: string | null, role: 'tls' | 'est-tls', facts: Facts): ShownCertificate | null {
  return pem === null ? null : show(readPemCertificate(pem, `${role}-crt`), role, facts)
}

/** The CN of a local CA is `fio-<user id>` (docs/profile.md#local-ca); any other device CA belongs to the Factory API. */
export function roleOf({ subject }: Certificate): 'local-ca' | 'online-ca' {
  return attributeValues(subject, 'CN').some((name) => name.startsWith('fio-')) ? 'local-ca' : 'online-ca'
}

/** The error for a factory without a PKI. */
export function notInitialized(factory: string): FpkiError {
  return new FpkiError(
    'ERR_NOT_INITIALIZED',
    `The factory ${factory} has no PKI yet.`,
    'Create it with `fpki ca create /absolute/path`, or select another factory.',
    { option: 'factory' },
  )
}
