import { type AuditLog, loggingRefusals } from '../audit-log/audit-log.js'
import { certificateFiles } from '../directory/certificate-files.js'
import { FILE_MEANINGS, PKI_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import type { RootSigner } from '../keystore/root-key.js'
import { parseAndVerifyCsr } from '../pki/csr.js'
import { acceptCsr } from '../pki/csr-policy.js'
import { rfc3339 } from '../pki/describe.js'
import { formatName, sameName } from '../pki/name.js'
import { encodePem } from '../pki/pem.js'
import type { Profile } from '../pki/profiles.js'
import { sameSpki } from '../pki/public-key.js'
import { type Certificate, isIssuedBy, readCertificate, readPemCertificate } from '../pki/read-certificate.js'
import { newSerialNumber } from '../pki/serial.js'
import type { CertificateTemplate } from '../pki/template.js'
import { validityFrom } from '../pki/validity.js'
import type { Clock, Random } from '../ports.js'
import { issueCertificate } from '../signer/x509/certificate.js'

/** Where keys and certificates are made: an open PKI directory, and what making them takes. */
export interface Workplace {
  readonly directory: PkiDirectory
  /** Where new files go: into their places, or aside until the Factory API has taken them. */
  readonly made: MadeFiles
  readonly factory: string
  readonly clock: Clock
  readonly random: Random
  readonly rootSigner: RootSigner
  /** What is signed goes into it before anything else is done with it. */
  readonly auditLog: AuditLog
  /** Those that the Factory API knows; none is said before it knows any. */
  readonly deviceCas?: readonly Certificate[]
  warn(text: string): void
}

/** Where the files that a command makes are written, and found again when it was interrupted. */
export type MadeFiles = Pick<PkiDirectory, 'path' | 'read' | 'create'>

/** What a certificate file is to hold; the rest follows from the profile, the clock and the root. */
export type CertificateOrder = Pick<CertificateTemplate, 'profile' | 'subject' | 'spki' | 'issuer' | 'names'> & {
  readonly file: string
}

/** The text of a file that must be there. Throws ERR_BAD_FILE when it is not. */
export async function requireText({ path, read }: Pick<PkiDirectory, 'path' | 'read'>, file: string): Promise<string> {
  const text = await read(file)
  if (text !== null) return text
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${path}/${file} is missing.`,
    'Nothing was sent to the Factory API. Put it back, and run the same command again.',
  )
}

/** The root certificate. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE when it is missing or broken. */
export async function rootOf({ directory }: Workplace): Promise<Certificate> {
  const file = PKI_FILES.rootCertificate
  return readPemCertificate(await requireText(directory, file), `${directory.path}/${file}`)
}

/** Signs a certificate with the root key and writes its file; one that an interrupted run left there is checked and kept. */
export function makeCertificate(work: Workplace, interrupted: boolean, order: CertificateOrder): Promise<undefined> {
  return loggingRefusals(work, order.file, () => signAndWrite(work, interrupted, order))
}

async function signAndWrite(work: Workplace, interrupted: boolean, order: CertificateOrder): Promise<undefined> {
  const { directory, made, random, clock } = work
  const existing = interrupted ? await made.read(order.file) : null
  if (existing !== null) return checkExisting(existing, `${directory.path}/${order.file}`, order)
  if (order.issuer !== null) requireWithin(order.issuer, clock())
  const validity = validityFrom(clock(), order.profile.years, order.issuer)
  if (validity.capped) {
    work.warn(`${order.file} ends with the root certificate, on ${rfc3339(validity.notAfter)}: nothing may outlive it.`)
  }
  const request = { ...order, role: order.file, serialNumber: newSerialNumber(random), validity }
  const certificate = await issueCertificate(request, await work.rootSigner.open())
  await work.auditLog.logCertificate(certificate, order.profile.name, order.file)
  await made.create(order.file, encodePem('CERTIFICATE', certificate.der))
}

/** One of the Factory API's requests, and what it is to become. */
interface CsrOrder {
  readonly file: string
  readonly profile: Profile
  readonly what: string
  readonly csr: string
}

/** Signs one of the Factory API's requests, when it may be signed (contract.md 6). Throws ERR_BAD_CSR when not. */
export async function signCsr(work: Workplace, order: CsrOrder, interrupted: boolean): Promise<undefined> {
  const accepted = await loggingRefusals(work, order.what, () => acceptedOrder(work, order))
  for (const warning of accepted.warnings) work.warn(warning)
  return makeCertificate(work, interrupted, accepted.order)
}

async function acceptedOrder(work: Workplace, order: CsrOrder) {
  const { file, profile, what } = order
  const csr = parseAndVerifyCsr(order.csr, what)
  const takenKeys = await takenKeysBut(work, file)
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
 * The keys of the PKI's certificates but that of `file`, of every other CA that lies in the directory, and of the device
 * CAs that the API knows. Throws as reading does when a certificate of the PKI is broken.
 */
export async function takenKeysBut(
  { directory, deviceCas = [] }: Pick<Workplace, 'directory' | 'deviceCas'>,
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

/** Of the PKI's own files the earlier ones of online-ca only: a server has no end of them, and none is a CA. */
function mayBeCa(name: string): boolean {
  const base = name.replace(/\.bak(\.\d+)?$/, '')
  return !(name in FILE_MEANINGS) && base !== PKI_FILES.tlsCertificate && base !== PKI_FILES.estTlsCertificate
}

/** The key of another CA that lies in the directory; none when it is something else. */
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

/** A clock that was set since the root was made must not pass for a defect. Throws ERR_CLOCK. */
export function requireWithin({ notBefore, notAfter }: Certificate, now: Date): void {
  // Certificates are of whole seconds.
  if (Math.floor(now.getTime() / 1000) * 1000 >= notBefore.getTime() && now < notAfter) return
  throw new FpkiError(
    'ERR_CLOCK',
    `The root certificate is valid from ${rfc3339(notBefore)} to ${rfc3339(notAfter)}, and the clock says ${rfc3339(now)}.`,
    'Set the clock, or wait. If it was wrong when the root was made, move the directory away and begin again.',
  )
}

function checkExisting(pem: string, path: string, { spki, subject, issuer }: CertificateOrder): undefined {
  const certificate = readPemCertificate(pem, path)
  const holds =
    sameSpki(certificate.spki, spki) &&
    sameName(certificate.subject, subject) &&
    isIssuedBy(certificate, issuer ?? certificate)
  if (holds) return
  throw new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${path} is not the certificate that the interrupted run was making.`,
    'Move it away if you know where it comes from, and run the same command again.',
  )
}
