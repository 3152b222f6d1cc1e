import * as z from 'zod/mini'
import { standingOf } from '../../directory/ca-standing.js'
import { readableCertificates } from '../../directory/certificate-files.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { DirectoryState } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { changeMeta, type FactoryApi } from '../../factory/api.js'
import { jsonDocument } from '../../json-document.js'
import { type CertificateRole, certificateFacts, certificateRole, describeCertificate } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { attributeValues } from '../../pki/name.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock } from '../../ports.js'
import { deviceCasOf } from '../open-pki.js'

/** A certificate and its role. */
const shownCertificate = z.extend(certificateFacts, {
  role: certificateRole,
  /** A device CA whose devices the Factory API does not accept. */
  disabled: z.boolean(),
  /** A device CA that was revoked: the Factory API no longer has it. */
  revoked: z.boolean(),
  /** Its file in the PKI directory; null: none, or no directory was given. */
  file: z.nullable(z.string()),
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
  /** Device CAs that were revoked or disabled and that the Factory API no longer lists, with a file in the PKI directory. */
  refusedCas: z.array(shownCertificate),
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
 * @param directory its PKI directory, for the names of files and for revoked device CAs; absent: unknown
 * @throws FpkiError ERR_NOT_INITIALIZED when there is no PKI yet; ERR_API; ERR_BAD_CERTIFICATE or ERR_BAD_FILE when a
 *   certificate in the response is malformed
 */
export async function showPki(
  { factory, directory }: { readonly factory: string; readonly directory?: PkiDirectory | undefined },
  { api, clock }: { readonly api: FactoryApi; readonly clock: Clock },
): Promise<ShowPkiResult> {
  const certificates = await api.getCertificates()
  if (certificates === null) throw notInitialized(factory)
  const root = readPemCertificate(certificates.rootCrt, 'root-crt')
  const { files, state } = await recordsOf(directory)
  const names = new Map(files.map(({ certificate, file }) => [fingerprintOf(certificate.der), file]))
  const facts = { root, now: clock(), disabled: new Set(certificates.disabledCaSerials), names, state }
  const deviceCas = deviceCasOf(certificates)
  const listed = new Set(deviceCas.map(({ serialNumber }) => serialNumber))
  const refused = files.filter(({ certificate: { serialNumber } }) => {
    const isDisabled = facts.disabled.has(String(serialNumber))
    return !listed.has(serialNumber) && (isDisabled || standingOf(state, serialNumber) === 'revoked')
  })
  return {
    factory,
    api: api.name,
    root: show(root, 'root', facts),
    tls: showServer(certificates.tlsCrt, 'tls', facts),
    estTls: showServer(certificates.estTlsCrt, 'est-tls', facts),
    deviceCas: deviceCas.map((ca) => show(ca, roleOf(ca), facts)),
    refusedCas: refused.map(({ certificate }) => show(certificate, roleOf(certificate), facts)),
    disabledCaSerials: certificates.disabledCaSerials,
    changeMeta: certificates.changeMeta,
  }
}

/** What a PKI directory adds. What is unreadable there does not keep the Factory API's certificates from being shown. */
async function recordsOf(directory: PkiDirectory | undefined) {
  if (directory === undefined) return { files: [], state: null }
  const unless =
    <T>(otherwise: T) =>
    (error: unknown) => {
      if (error instanceof FpkiError) return otherwise
      throw error
    }
  return {
    files: await readableCertificates(directory).catch(unless([])),
    state: await directory.readState().catch(unless(null)),
  }
}

interface Facts {
  readonly root: Certificate
  readonly now: Date
  readonly disabled: ReadonlySet<string>
  /** File names by fingerprint. */
  readonly names: ReadonlyMap<string, string>
  readonly state: DirectoryState | null
}

function show(certificate: Certificate, role: CertificateRole, all: Facts): ShownCertificate {
  const facts = describeCertificate(certificate, all.root, all.now)
  const revoked = standingOf(all.state, certificate.serialNumber) === 'revoked'
  return {
    role,
    disabled: all.disabled.has(facts.serial),
    revoked,
    file: all.names.get(facts.fingerprint) ?? null,
    ...facts,
  }
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
