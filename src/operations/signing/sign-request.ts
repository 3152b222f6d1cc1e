import * as z from 'zod/mini'
import { isRefusal, notLogged } from '../../audit-log/audit-log.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { issue, newTemplate } from '../../issuance/issue.js'
import { type OpenPki, openPki, openRootKey } from '../../issuance/open-pki.js'
import { withAuditLog } from '../../journal/keep-records.js'
import { jsonDocument } from '../../json-document.js'
import { type KeyAccess, rootSignerOf } from '../../keystore/root-key.js'
import { type Csr, readCsr } from '../../pki/csr.js'
import { acceptCsr } from '../../pki/csr-policy.js'
import { certificateFacts, describeCertificate, rfc3339 } from '../../pki/describe.js'
import { deviceCaNameProblem } from '../../pki/device-ca-name.js'
import { deviceEvidence } from '../../pki/device-request.js'
import { attributeValues } from '../../pki/name.js'
import { DEVICE_CA, TLS_SERVER } from '../../pki/profiles.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../../ports.js'
import { requireFreeInFolder } from '../../storage/free-place.js'
import { takenKeysBut } from './certificate-files.js'

/** The profiles that a request can be signed with. */
const SIGN_PROFILES = { tls: TLS_SERVER, 'device-ca': DEVICE_CA } as const

/** One of {@link SIGN_PROFILES}. */
export type SignProfile = keyof typeof SIGN_PROFILES

/** What `fpki ca sign --json` prints. */
export const signRequestResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  profile: z.enum(['tls', 'device-ca']),
  certificate: certificateFacts,
  /** The file that has it, absolute; null: there is none. */
  file: z.nullable(z.string()),
  warnings: z.array(z.string()),
})

/** See {@link signRequestResult}. */
export type SignRequestResult = z.infer<typeof signRequestResult>

/** What `ca sign` is asked for. */
export interface SignRequestOptions {
  /** PEM text or DER. */
  readonly request: string | Uint8Array
  /** Names the request in messages. */
  readonly what: string
  /** Absolute path of the PKI directory. */
  readonly directory: string
  /** null: the directory's own. */
  readonly factory: string | null
  /** null: as the request asks (docs/profile.md#ca-sign); `tls` signs a device's request as a server's, too. */
  readonly profile: SignProfile | null
  /** null: the profile's years. */
  readonly days: number | null
  /** Absolute path of a new file for the certificate; null: none. */
  readonly out: string | null
}

/** What `ca sign` works with. */
export interface SignRequestPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly random: Random
  readonly progress: Progress
  readonly access?: KeyAccess
}

const COMMAND = 'ca sign'

/** A certificate is no secret. */
const MODE = 0o644

/**
 * Signs a request with the root key (docs/profile.md#ca-sign), and logs it, or the refusal. The directory is not changed but
 * for its audit log, and the Factory API is not told.
 *
 * @throws FpkiError ERR_BAD_CSR with the reason; ERR_EXISTS when `out` is there; ERR_CLOCK, ERR_PROFILE, ERR_SIGNATURE, and
 *   what opening the directory and the root key throw
 */
export async function signRequest(options: SignRequestOptions, ports: SignRequestPorts): Promise<SignRequestResult> {
  const pki = await openPki(ports.files, options.directory, options.factory)
  try {
    return await signFor(pki, options, ports)
  } catch (error) {
    if (isRefusal(error)) await logRefusal(pki, options.what, error, ports)
    throw error
  }
}

/** The refusal is what is told, whatever becomes of its line. */
async function logRefusal({ directory }: OpenPki, what: string, error: FpkiError, ports: SignRequestPorts) {
  try {
    await withAuditLog(directory, COMMAND, ports, null, (auditLog) => auditLog.refused(what, error))
  } catch (failure) {
    ports.progress.warn(notLogged(failure))
  }
}

async function signFor(pki: OpenPki, options: SignRequestOptions, ports: SignRequestPorts): Promise<SignRequestResult> {
  const { what, out, days } = options
  const { files, clock, progress, access } = ports
  const { directory, root, factory } = pki
  const csr = readCsr(options.request, what)
  if (options.profile !== 'tls') requireNoDevice(csr, what, factory)
  const name = options.profile ?? (csr.known.basicConstraints?.ca ? 'device-ca' : 'tls')
  const { years, ...rest } = SIGN_PROFILES[name]
  // Whoever says how long may go beyond the profile; nothing goes beyond the root.
  const profile = { ...rest, years: Math.max(years, Math.ceil((days ?? 0) / 365)) }
  // The gateway's own key may be certified anew, as a server's; a CA's never.
  const takenKeys = (await takenKeysBut({ directory }, null)).filter(({ isCa }) => isCa || name === 'device-ca')
  const nameTypes = ['DNS', 'IP', 'URI', 'email'] as const
  const { names, warnings } = acceptCsr(csr, { what, profile, issuer: root.subject, factory, nameTypes, takenKeys })
  const contents = { role: what, profile, subject: csr.subject, spki: csr.publicKey.spki, issuer: root, names }
  const template = newTemplate(contents, ports, days === null ? profile.years : { days })
  const { validity } = template
  const told = [
    ...warnings,
    ...(name === 'device-ca' ? await nameWarnings(pki, csr, what) : []),
    ...(validity.capped ? [capped(what, validity.notAfter)] : []),
  ]
  for (const warning of told) progress.warn(warning)
  // Before the key is asked for: a certificate that has no place is signed for nothing.
  if (out !== null) await requireFreeInFolder(files, out, 'output file', 'out')
  const rootSigner = rootSignerOf(directory, access)
  try {
    const signer = await openRootKey(rootSigner, pki)
    const certificate = await withAuditLog(directory, COMMAND, ports, signer, (auditLog) =>
      issue(template, signer, auditLog, out),
    )
    const facts = describeCertificate(certificate, root, clock())
    progress.note(`${what} became a ${profile.name} certificate.`)
    if (out !== null) await files.create(out, facts.pem, MODE)
    return { factory, directory: directory.path, profile: name, certificate: facts, file: out, warnings: told }
  } finally {
    await rootSigner.close()
  }
}

/** The root signs no device, and a TLS server's certificate is of no use to one. Throws ERR_BAD_CSR. */
function requireNoDevice(csr: Csr, what: string, factory: string): void {
  const evidence = deviceEvidence(csr, factory)
  if (evidence === null) return
  throw new FpkiError(
    'ERR_BAD_CSR',
    `Refusing to sign ${what}: this is a device's request (${evidence}), and the root signs CAs and servers only.`,
    'A device CA signs devices: register the device with lmp-device-register, or sign its request with local-ca.key ' +
      'as docs/quick-start.md does. If it is a server, ask for that profile.',
    { option: 'profile' },
  )
}

/** Before the root signs: a plant CA that no Factory API takes is found out about when the ceremony is over. */
async function nameWarnings({ directory }: OpenPki, { subject }: Csr, what: string): Promise<readonly string[]> {
  const pem = await directory.read(PKI_FILES.localCaCertificate)
  const local = pem === null ? undefined : readPemCertificate(pem, PKI_FILES.localCaCertificate).subject
  const [wanted] = local === undefined ? [] : attributeValues(local, 'CN')
  const problem = deviceCaNameProblem(subject, wanted)
  if (problem === null) return []
  return [`${what} may be of no use to \`ca update\`: ${problem}. Have the request made with that CN.`]
}

function capped(what: string, notAfter: Certificate['notAfter']): string {
  return `The certificate for ${what} ends with the root certificate, on ${rfc3339(notAfter)}: nothing may outlive it.`
}

/** The number of days that somebody wrote. Throws ERR_USAGE. */
export function readDays(word: string): number {
  if (/^[1-9]\d{0,4}$/.test(word)) return Number(word)
  const text = `Invalid number of days: ${JSON.stringify(word)}.`
  throw new FpkiError('ERR_USAGE', text, 'Give 1 to 99999.', { option: 'days' })
}
