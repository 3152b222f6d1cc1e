import * as z from 'zod/mini'
import { isRefusal, refusalNotLogged } from '../../audit-log/audit-log.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { issue, newTemplate } from '../../issuance/issue.js'
import { withAuditLog } from '../../journal/keep-records.js'
import { jsonDocument } from '../../json-document.js'
import { type KeyAccess, rootSignerOf } from '../../keystore/root-key.js'
import { type Csr, parseAndVerifyCsr } from '../../pki/csr.js'
import { acceptCsr } from '../../pki/csr-policy.js'
import { certificateFacts, describeCertificate, rfc3339 } from '../../pki/describe.js'
import { deviceCaNameProblem } from '../../pki/device-ca-name.js'
import { deviceRequestEvidence } from '../../pki/device-request.js'
import { attributeValues } from '../../pki/name.js'
import { DEVICE_CA, TLS_SERVER } from '../../pki/profiles.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { requireFreeInFolder } from '../../storage/require-free.js'
import { type OpenPki, openPkiOfRoot, openRootKey } from '../open-pki.js'
import { requireOutsidePki } from '../outside-pki.js'
import { takenKeysExcept } from './certificate-files.js'

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
  /** The certificate file, absolute; null: none was written. */
  file: z.nullable(z.string()),
  warnings: z.array(z.string()),
})

/** See {@link signRequestResult}. */
export type SignRequestResult = z.infer<typeof signRequestResult>

/** Options of `ca sign`. */
export interface SignRequestOptions {
  /** PEM text or DER. */
  readonly request: string | Uint8Array
  /** Names the request in messages. */
  readonly what: string
  /** Where commands in messages find the request again; null: on stdin. */
  readonly path: string | null
  /** Absolute path of the PKI directory. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** null: derived from the request (docs/profile.md#ca-sign); `tls` also signs the request of a device. */
  readonly profile: SignProfile | null
  /** null: the years of the profile. */
  readonly days: number | null
  /** Absolute path of a new file for the certificate; null: none. */
  readonly out: string | null
}

/** Ports of `ca sign`. */
export interface SignRequestPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly random: Random
  readonly progress: Progress
  readonly access?: KeyAccess
}

const COMMAND = 'ca sign'

/** Certificates are public. */
const MODE = 0o644

/**
 * Signs a request with the root key (docs/profile.md#ca-sign), and records that, or the refusal, in the audit log. Nothing
 * else in the directory is changed, and nothing is sent to the Factory API.
 *
 * @throws FpkiError ERR_BAD_CSR with the reason; ERR_EXISTS when `out` exists; ERR_USAGE when it is in a PKI directory; ERR_CLOCK, ERR_PROFILE, ERR_SIGNATURE; and
 *   as openPki and openRootKey do
 */
export async function signRequest(options: SignRequestOptions, ports: SignRequestPorts): Promise<SignRequestResult> {
  const pki = await openPkiOfRoot(ports.files, options.directory, options.factory)
  try {
    return await signFor(pki, options, ports)
  } catch (error) {
    if (isRefusal(error)) await logRefusal(pki, options.what, error, ports)
    throw error
  }
}

/** A failure to log is only a warning, so that the caller reports the refusal itself. */
async function logRefusal({ directory }: OpenPki, what: string, error: FpkiError, ports: SignRequestPorts) {
  try {
    await withAuditLog(directory, COMMAND, ports, null, (auditLog) => auditLog.logRefusal(what, error))
  } catch (failure) {
    ports.progress.warn(refusalNotLogged(failure))
  }
}

async function signFor(pki: OpenPki, options: SignRequestOptions, ports: SignRequestPorts): Promise<SignRequestResult> {
  const { what, out, days } = options
  const { files, clock, progress, access } = ports
  const { directory, root, factory } = pki
  const csr = parseAndVerifyCsr(options.request, what)
  if (options.profile !== 'tls') requireNoDevice(csr, options, factory)
  const name = options.profile ?? (csr.parsedExtensions.basicConstraints?.ca ? 'device-ca' : 'tls')
  const { years, ...rest } = SIGN_PROFILES[name]
  // --days may exceed the years of the profile, but not the validity of the root.
  const profile = { ...rest, years: Math.max(years, Math.ceil((days ?? 0) / 365)) }
  // A server key may be certified again, such as that of the gateway; a CA key never.
  const takenKeys = (await takenKeysExcept({ directory }, null)).filter(({ isCa }) => isCa || name === 'device-ca')
  const nameTypes = ['DNS', 'IP', 'URI', 'email'] as const
  const { names, warnings } = acceptCsr(csr, { what, profile, issuer: root.subject, factory, nameTypes, takenKeys })
  const contents = { role: what, profile, subject: csr.subject, spki: csr.publicKey.spki, issuer: root, names }
  const template = newTemplate(contents, ports, days === null ? profile.years : { days })
  const { validity } = template
  const allWarnings = [
    ...warnings,
    ...(name === 'device-ca' ? await nameWarnings(pki, csr, what) : []),
    ...(validity.capped ? [capped(what, validity.notAfter)] : []),
  ]
  for (const warning of allWarnings) progress.warn(warning)
  // Before the root key is opened, so that nothing is signed that cannot be written.
  if (out !== null) await requireFreeOutside(out, directory.path, files)
  const rootSigner = rootSignerOf(directory, access)
  try {
    const signer = await openRootKey(rootSigner, pki)
    const certificate = await withAuditLog(directory, COMMAND, ports, signer, (auditLog) =>
      issue(template, signer, auditLog, out),
    )
    const facts = describeCertificate(certificate, root, clock())
    progress.note(`Issued a ${profile.name} certificate for ${what}.`)
    if (out !== null) await files.create(out, facts.pem, MODE)
    return { factory, directory: directory.path, profile: name, certificate: facts, file: out, warnings: allWarnings }
  } finally {
    await rootSigner.close()
  }
}

/** Throws ERR_EXISTS, and ERR_USAGE for a path in a PKI directory. */
async function requireFreeOutside(path: string, directory: string, files: DurableFiles): Promise<void> {
  await requireFreeInFolder(files, path, 'output file', 'out')
  await requireOutsidePki({ path, what: 'a certificate', option: 'out', directories: [directory] }, files)
}

/** The root does not sign devices, and a server certificate is useless to a device. Throws ERR_BAD_CSR. */
function requireNoDevice(csr: Csr, { what, path, directory }: SignRequestOptions, factory: string): void {
  const evidence = deviceRequestEvidence(csr, factory)
  if (evidence === null) return
  throw new FpkiError(
    'ERR_BAD_CSR',
    `Refusing to sign ${what}: it is the request of a device (${evidence}), and the root signs only CAs and servers.`,
    `A device CA signs devices: \`fpki devices issue ${shellWord(directory)} --from ${shellWord(path ?? '-')} --out devices/\`. ` +
      'If it is a server, request a server profile.',
    { option: 'profile' },
  )
}

/** Warns before the root signs, because a CA that the Factory API rejects is only noticed after the key ceremony. */
async function nameWarnings({ directory }: OpenPki, { subject }: Csr, what: string): Promise<readonly string[]> {
  const pem = await directory.read(PKI_FILES.localCaCertificate)
  const local = pem === null ? undefined : readPemCertificate(pem, PKI_FILES.localCaCertificate).subject
  const [localCn] = local === undefined ? [] : attributeValues(local, 'CN')
  const problem = deviceCaNameProblem(subject, localCn)
  if (problem === null) return []
  return [`The Factory API may not accept the certificate for ${what}: ${problem}. Recreate the request with that CN.`]
}

function capped(what: string, notAfter: Certificate['notAfter']): string {
  return `The certificate for ${what} expires with the root certificate on ${rfc3339(notAfter)}, before the requested validity ends.`
}

/** Parses `--days`. Throws ERR_USAGE. */
export function readDays(word: string): number {
  if (/^[1-9]\d{0,4}$/.test(word)) return Number(word)
  const text = `Invalid number of days: ${JSON.stringify(word)}.`
  throw new FpkiError('ERR_USAGE', text, 'Use a number from 1 to 99999.', { option: 'days' })
}
