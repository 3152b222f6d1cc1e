import { loggingRefusals } from '../../audit-log/audit-log.js'
import { certificateFiles } from '../../directory/certificate-files.js'
import { FILE_MEANINGS, PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { issue, newTemplate } from '../../issuance/issue.js'
import { parseAndVerifyCsr } from '../../pki/csr.js'
import { acceptCsr } from '../../pki/csr-policy.js'
import { rfc3339 } from '../../pki/describe.js'
import { formatName, sameName } from '../../pki/name.js'
import { encodePem } from '../../pki/pem.js'
import type { Profile } from '../../pki/profiles.js'
import { sameSpki } from '../../pki/public-key.js'
import { type Certificate, isIssuedBy, readCertificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { CertificateTemplate } from '../../pki/template.js'
import type { IssuanceContext } from './issuance-context.js'

/** The content of a new certificate; the rest follows from the profile, the clock and the root. */
export type CertificateOrder = Pick<CertificateTemplate, 'profile' | 'subject' | 'spki' | 'issuer' | 'names'> & {
  readonly file: string
}

/** The text of a required file. Throws ERR_BAD_FILE when it is missing. */
export async function requireText({ path, read }: Pick<PkiDirectory, 'path' | 'read'>, file: string): Promise<string> {
  const text = await read(file)
  if (text !== null) return text
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${path}/${file} is missing.`,
    'Nothing was sent to the Factory API. Restore the file, then run the command again.',
  )
}

/** The root certificate. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE when it is missing or broken. */
export async function rootOf({ directory }: IssuanceContext): Promise<Certificate> {
  const file = PKI_FILES.rootCertificate
  return readPemCertificate(await requireText(directory, file), `${directory.path}/${file}`)
}

/** Issues a certificate with the root key and writes its file. A file from an interrupted run is checked and kept. */
export function makeCertificate(
  work: IssuanceContext,
  interrupted: boolean,
  order: CertificateOrder,
): Promise<undefined> {
  return loggingRefusals(work, order.file, () => issueAndWrite(work, interrupted, order))
}

async function issueAndWrite(work: IssuanceContext, interrupted: boolean, order: CertificateOrder): Promise<undefined> {
  const { directory, target, auditLog } = work
  const existing = interrupted ? await target.read(order.file) : null
  if (existing !== null) return checkExisting(existing, `${directory.path}/${order.file}`, order)
  const template = newTemplate({ ...order, role: order.file }, work)
  const { capped, notAfter } = template.validity
  if (capped)
    work.warn(
      `${order.file} expires with the root certificate on ${rfc3339(notAfter)}, before its regular validity ends.`,
    )
  const certificate = await issue(template, await work.rootSigner.open(), auditLog, order.file)
  await target.create(order.file, encodePem('CERTIFICATE', certificate.der))
}

/** A CSR from the Factory API, and the certificate to issue for it. */
interface CsrIssuanceOrder {
  readonly file: string
  readonly profile: Profile
  readonly what: string
  readonly csr: string
}

/** Issues a certificate for a CSR from the Factory API. Throws ERR_BAD_CSR when a check fails (docs/profile.md#csr-checks). */
export async function signCsr(
  work: IssuanceContext,
  order: CsrIssuanceOrder,
  interrupted: boolean,
): Promise<undefined> {
  const accepted = await loggingRefusals(work, order.what, () => acceptedOrder(work, order))
  for (const warning of accepted.warnings) work.warn(warning)
  return makeCertificate(work, interrupted, accepted.order)
}

async function acceptedOrder(work: IssuanceContext, order: CsrIssuanceOrder) {
  const { file, profile, what } = order
  const csr = parseAndVerifyCsr(order.csr, what)
  const takenKeys = await takenKeysExcept(work, file)
  const issuer = await rootOf(work)
  const accepted = acceptCsr(csr, {
    what,
    profile,
    issuer: issuer.subject,
    factory: work.factory,
    nameTypes: ['DNS', 'IP'],
    takenKeys,
  })
  const { warnings, names } = accepted
  return { warnings, order: { file, profile, subject: csr.subject, spki: csr.publicKey.spki, issuer, names } }
}

/**
 * The keys of the PKI's certificates except `file`, of all other CAs in the directory, and of the device CAs in the Factory
 * API. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE when a certificate of the PKI is malformed.
 */
export async function takenKeysExcept(
  { directory, deviceCas = [] }: Pick<IssuanceContext, 'directory' | 'deviceCas'>,
  file: string | null,
) {
  const certificates = (await directory.contents()).filter((name) => !name.endsWith('.key') && name !== file)
  const inFiles = certificates.map(async (owner) => {
    const certificate = readPemCertificate((await directory.read(owner)) ?? '', `${directory.path}/${owner}`)
    return keyOf(certificate, owner)
  })
  const others = await certificateFiles(directory, (name) => mayBeCa(name) && name !== file)
  return [
    ...(await Promise.all(inFiles)),
    ...others.flatMap(({ name, der }) => caKeyOf(der, name)),
    ...deviceCas.map((ca) => keyOf(ca, `the device CA ${formatName(ca.subject)}`)),
  ]
}

/** Excludes replaced server certificates, which are not CAs and of which there may be many. */
function mayBeCa(name: string): boolean {
  const base = name.replace(/\.bak(\.\d+)?$/, '')
  return !(name in FILE_MEANINGS) && base !== PKI_FILES.tlsCertificate && base !== PKI_FILES.estTlsCertificate
}

/** The key of a CA certificate; empty for anything else. */
function caKeyOf(der: Uint8Array, name: string) {
  try {
    const key = keyOf(readCertificate(der, name), name)
    return key.isCa ? [key] : []
  } catch {
    return []
  }
}

function keyOf({ publicKey, parsedExtensions }: Certificate, owner: string) {
  return { owner, publicKey, isCa: parsedExtensions.basicConstraints?.ca === true }
}

function checkExisting(pem: string, path: string, { spki, subject, issuer }: CertificateOrder): undefined {
  const certificate = readPemCertificate(pem, path)
  const matches =
    sameSpki(certificate.spki, spki) &&
    sameName(certificate.subject, subject) &&
    isIssuedBy(certificate, issuer ?? certificate)
  if (matches) return
  throw new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${path} is not the certificate that the interrupted command was issuing.`,
    'If you know where it is from, move it away, then run the command again.',
  )
}
