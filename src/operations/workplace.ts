import { PKI_FILES, type PkiFile } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import type { CertificatesUpdate } from '../factory/api.js'
import { issueCertificate } from '../pki/certificate.js'
import { readCsr } from '../pki/csr.js'
import { acceptCsr } from '../pki/csr-policy.js'
import { rfc3339 } from '../pki/describe.js'
import type { CertificateRequest } from '../pki/draft.js'
import { sameName } from '../pki/name.js'
import { encodePem } from '../pki/pem.js'
import type { Profile } from '../pki/profiles.js'
import { type Certificate, isIssuedBy, readPemCertificate } from '../pki/read-certificate.js'
import { newSerialNumber } from '../pki/serial.js'
import { validityFrom } from '../pki/validity.js'
import type { Clock, Random, Signer } from '../ports.js'
import { newPrivateKeyPem, pemSigner } from '../signer/file.js'

/** Where keys and certificates are made: an open PKI directory, and what making them takes. */
export interface Workplace {
  readonly directory: PkiDirectory
  readonly factory: string
  readonly clock: Clock
  readonly random: Random
  readonly rootSigner: RootSigner
  warn(text: string): void
}

/** The root key, opened when it is first needed and held until the command ends. */
export interface RootSigner {
  open(): Promise<Signer>
  close(): Promise<void>
}

/** The root key of a PKI directory. */
export function rootSignerOf(directory: PkiDirectory): RootSigner {
  let signer: Signer | null = null
  return {
    open: async () => {
      signer ??= await keyOf(directory, PKI_FILES.rootKey)
      return signer
    },
    close: async () => signer?.close(),
  }
}

/** What a certificate file is to hold; the rest follows from the profile, the clock and the root. */
export type CertificateOrder = Pick<CertificateRequest, 'profile' | 'subject' | 'spki' | 'issuer' | 'dnsNames'> & {
  readonly file: PkiFile
}

/**
 * Makes a private key in its file. One that an interrupted run left there is whole, because files appear in one move,
 * and is kept.
 */
export async function makeKey(work: Workplace, file: PkiFile, interrupted: boolean): Promise<undefined> {
  const { directory, random } = work
  if (!interrupted || (await directory.read(file)) === null)
    await directory.create(file, newPrivateKeyPem(random, 'P-256'))
  await publicKeyOf(directory, file)
}

/** The signer of a key file. Throws ERR_BAD_KEY when it is missing or broken. */
export async function keyOf(directory: PkiDirectory, file: PkiFile): Promise<Signer> {
  const pem = await directory.read(file)
  if (pem !== null) return pemSigner(pem, `${directory.path}/${file}`)
  throw new FpkiError('ERR_BAD_KEY', `${directory.path}/${file} is missing.`, 'Put it back from a backup.')
}

/** The public key of a key file: SubjectPublicKeyInfo, DER. Throws as {@link keyOf}. */
export async function publicKeyOf(directory: PkiDirectory, file: PkiFile): Promise<Uint8Array> {
  const signer = await keyOf(directory, file)
  await signer.close()
  return signer.publicKey
}

/** The root certificate. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE when it is missing or broken. */
export async function rootOf({ directory }: Workplace): Promise<Certificate> {
  const file = PKI_FILES.rootCertificate
  return readPemCertificate(await textOf(directory, file), `${directory.path}/${file}`)
}

/** Signs a certificate with the root key and writes its file; one that an interrupted run left there is checked and kept. */
export async function makeCertificate(
  work: Workplace,
  interrupted: boolean,
  order: CertificateOrder,
): Promise<undefined> {
  const { directory, random, clock } = work
  const existing = interrupted ? await directory.read(order.file) : null
  if (existing !== null) return checkExisting(existing, `${directory.path}/${order.file}`, order)
  if (order.issuer !== null) requireWithin(order.issuer, clock())
  const validity = validityFrom(clock(), order.profile.years, order.issuer?.notAfter ?? null)
  if (validity.capped) {
    work.warn(`${order.file} ends with the root certificate, on ${rfc3339(validity.notAfter)}: nothing may outlive it.`)
  }
  const request = { ...order, role: order.file, serialNumber: newSerialNumber(random), validity }
  const { der } = await issueCertificate(request, await work.rootSigner.open())
  await directory.create(order.file, encodePem('CERTIFICATE', der))
}

/** Signs one of the Factory API's requests, when it may be signed (contract.md 6). Throws ERR_BAD_CSR when not. */
export async function signCsr(
  work: Workplace,
  order: { readonly file: PkiFile; readonly profile: Profile; readonly what: string; readonly csr: string },
  interrupted: boolean,
): Promise<undefined> {
  const { file, profile, what } = order
  const csr = readCsr(order.csr, what)
  const takenKeys = await takenKeysBut(work, file)
  const accepted = acceptCsr(csr, { what, profile, factory: work.factory, takenKeys })
  for (const warning of accepted.warnings) work.warn(warning)
  const { subject, publicKey } = csr
  const { dnsNames } = accepted
  await makeCertificate(work, interrupted, {
    file,
    profile,
    subject,
    spki: publicKey.spki,
    issuer: await rootOf(work),
    dnsNames,
  })
}

/** The keys of every certificate in the directory but the one of `file`. */
async function takenKeysBut({ directory }: Workplace, file: PkiFile) {
  const certificates = (await directory.contents()).filter((name) => !name.endsWith('.key') && name !== file)
  return Promise.all(
    certificates.map(async (owner) => {
      const { publicKey } = readPemCertificate((await directory.read(owner)) ?? '', `${directory.path}/${owner}`)
      return { owner, publicKey }
    }),
  )
}

/** A clock that was set since the root was made must not pass for a defect. */
function requireWithin({ notBefore, notAfter }: Certificate, now: Date): void {
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
    Buffer.from(certificate.spki).equals(spki) &&
    sameName(certificate.subject, subject) &&
    isIssuedBy(certificate, issuer ?? certificate)
  if (holds) return
  throw new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${path} is not the certificate that the interrupted run was making.`,
    'Move it away if you know where it comes from, and run the same command again.',
  )
}

/**
 * The certificates of a PKI directory in the form in which the Factory API takes them (contract.md 4), after a look at
 * all of `files`: none is missing, and each key is that of its certificate. Throws ERR_BAD_FILE or ERR_BAD_KEY.
 */
export async function wholePki(
  { directory, rootSigner }: Workplace,
  files: readonly PkiFile[],
): Promise<CertificatesUpdate & { readonly rootCrt: string }> {
  const text = async (file: PkiFile) => (files.includes(file) ? textOf(directory, file) : '')
  for (const file of files) await textOf(directory, file)
  const { rootKey, rootCertificate, tlsCertificate, onlineCaCertificate, localCaKey, localCaCertificate } = PKI_FILES
  await requirePair(directory, rootKey, rootCertificate, (await rootSigner.open()).publicKey)
  if (files.includes(localCaKey)) {
    await requirePair(directory, localCaKey, localCaCertificate, await publicKeyOf(directory, localCaKey))
  }
  const deviceCas = [await text(onlineCaCertificate), await text(localCaCertificate)].filter((pem) => pem !== '')
  const certificates = { rootCrt: await text(rootCertificate), tlsCrt: await text(tlsCertificate) }
  return deviceCas.length === 0 ? certificates : { ...certificates, caCrt: deviceCas.join('\n') }
}

async function requirePair(directory: PkiDirectory, key: PkiFile, file: PkiFile, publicKey: Uint8Array): Promise<void> {
  const certificate = readPemCertificate(await textOf(directory, file), `${directory.path}/${file}`)
  if (Buffer.from(certificate.spki).equals(publicKey)) return
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${directory.path}/${key} is not the key of ${file}.`,
    'Nothing was sent to the Factory API. Put both back as fpki made them, and run the same command again.',
  )
}

async function textOf(directory: PkiDirectory, file: PkiFile): Promise<string> {
  const text = await directory.read(file)
  if (text !== null) return text
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${directory.path}/${file} is missing.`,
    'Nothing was sent to the Factory API. Put it back, and run the same command again.',
  )
}
