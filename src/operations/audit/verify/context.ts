import type { LoggedRegister } from '../../../audit-log/records.js'
import type { DeviceRegister } from '../../../devices/register.js'
import { type InspectedDirectory, type InspectedFile, inspectDirectory, isBusy } from '../../../directory/inspect.js'
import { isEarlierCertificate, PKI_FILES } from '../../../directory/names.js'
import { whyForeignDirectory } from '../../../directory/owned.js'
import { factoryIn, pkiFilesOf, roleOfFile } from '../../../directory/pki-files.js'
import { FpkiError } from '../../../errors.js'
import type { FactoryApi, FactoryCertificates } from '../../../factory/api.js'
import type { RootSigner } from '../../../keystore/root-key.js'
import type { CertificateRole } from '../../../pki/describe.js'
import { encodePem, samePem } from '../../../pki/pem.js'
import { type Certificate, readPemCertificate } from '../../../pki/read-certificate.js'
import { sameRoot } from '../../../pki/same-root.js'
import type { DurableFiles, Passphrases, Random } from '../../../ports.js'

/** A readable certificate and its origin. */
export interface AuditedCertificate {
  /** The name of its file; for one that only the Factory API has, its name there. */
  readonly file: string
  readonly role: CertificateRole
  readonly certificate: Certificate
}

/** A file that should contain a certificate and does not. */
interface BrokenCertificate {
  readonly file: string
  readonly problem: FpkiError
}

/** The answer of the Factory API: certificates, null for no PKI, or an error. */
type ApiAnswer = { readonly name: string; readonly answer: FactoryCertificates | FpkiError | null }

/** Everything that the checks look at, read once. */
export interface AuditContext {
  readonly directory: InspectedDirectory
  /** All key and certificate files in use. */
  readonly files: readonly InspectedFile[]
  readonly certificates: readonly AuditedCertificate[]
  readonly broken: readonly BrokenCertificate[]
  /** Replaced certificates (`.bak`) that can be read. */
  readonly earlier: readonly Certificate[]
  readonly root: Certificate | null
  readonly factory: string | null
  /** null: --offline. */
  readonly api: ApiAnswer | null
  readonly atWork: boolean
  /** Why other users can change the directory; null: they cannot. */
  readonly writable: string | null
  /** Why the records in the directory may not be ours, a clause; null: they are. */
  readonly foreign: string | null
  /** Other users who could replace the directory, a sentence each. */
  readonly above: readonly string[]
  readonly now: Date
  readonly warnDays: number
}

/** The device register of a directory on the disk, and what its audit log says of it. */
export interface RegisterToCheck {
  /** null: none. */
  open(): Promise<DeviceRegister | null>
  logged(): Promise<LoggedRegister | null>
}

/** What the checks need besides the context. */
export interface CheckPorts {
  /** null: the root key is skipped. */
  readonly rootSigner: RootSigner | null
  readonly random: Random
  /** For encrypted key files; undefined: not available. */
  readonly passphrases: Passphrases | undefined
  /** null: the device register is not checked. */
  readonly register: RegisterToCheck | null
}

/** Connects to the Factory API of a factory. */
export type ApiOf = (factory: string) => FactoryApi | Promise<FactoryApi>

/** What the context is read from. */
export interface ContextSources {
  readonly path: string
  readonly files: DurableFiles
  /** From flags or environment; null: the factory that the directory records. */
  readonly factory: string | null
  /** Connects to the Factory API; null: do not query it. */
  readonly api: ApiOf | null
  readonly now: Date
  readonly warnDays: number
}

/** Reads everything, and changes nothing. Throws ERR_NOT_A_DIRECTORY or ERR_STORAGE for the directory itself. */
export async function loadContext({
  path,
  files: disk,
  now,
  warnDays,
  ...sources
}: ContextSources): Promise<AuditContext> {
  const directory = await inspectDirectory(disk, path)
  const { certificates: names, keys } = pkiFilesOf(directory)
  const files = await Promise.all([...names, ...keys].map(directory.inspect))
  const texts = files.filter(({ name }) => names.includes(name))
  const read = texts.flatMap(({ name, text }) =>
    text === null ? [] : [parseCertificate(name, roleOfFile(name), text)],
  )
  const root = read.flatMap((one) => ('certificate' in one && one.role === 'root' ? [one.certificate] : []))[0] ?? null
  const factory = sources.factory ?? factoryIn(directory, root)
  const foreign = await whyForeignDirectory(disk, path).catch(toMessage)
  // A record written by someone else must not choose which factory is queried with our credentials.
  // A plant needs no Factory API.
  const skipsApi = directory.kit !== null || sources.api === null || (foreign !== null && sources.factory === null)
  const api = skipsApi || sources.api === null ? null : await queryApi(sources.api, factory)
  const { estTlsCertificate } = PKI_FILES
  const est = names.includes(estTlsCertificate) ? null : estCertificateOf(api, root)
  const all = est === null ? read : [...read, parseCertificate(estTlsCertificate, 'est-tls', est)]
  return {
    directory,
    files,
    certificates: all.filter((one) => 'certificate' in one),
    broken: all.filter((one) => 'problem' in one),
    earlier: await replacedCertificates(directory),
    root,
    factory,
    api,
    atWork: await isBusy(disk, path),
    writable: await errorMessageOf(() => disk.checkDirectory(path)),
    foreign,
    above: await disk.warningsAbove(path),
    now,
    warnDays,
  }
}

/** The certificate with a role that occurs at most once. */
export function certificateOf({ certificates }: AuditContext, role: CertificateRole): Certificate | null {
  return certificates.find((one) => one.role === role)?.certificate ?? null
}

function parseCertificate(file: string, role: CertificateRole, text: string): AuditedCertificate | BrokenCertificate {
  try {
    return { file, role, certificate: readPemCertificate(text, file) }
  } catch (problem) {
    if (problem instanceof FpkiError) return { file, problem }
    throw problem
  }
}

async function queryApi(api: ApiOf, factory: string | null): Promise<ApiAnswer> {
  const hint = 'Pass --factory NAME.'
  try {
    if (factory === null)
      throw new FpkiError(
        'ERR_USAGE',
        `Cannot determine the factory of the directory: ${PKI_FILES.rootCertificate} is missing or has no OU.`,
        hint,
      )
    const port = await api(factory)
    return { name: port.name, answer: await port.getCertificates() }
  } catch (error) {
    if (error instanceof FpkiError) return { name: 'the Factory API', answer: error }
    throw error
  }
}

/** From the Factory API, because fioctl writes no file for it; null if the API has another root. */
function estCertificateOf(api: ApiAnswer | null, root: Certificate | null): string | null {
  const answer = api?.answer ?? null
  if (answer === null || answer instanceof FpkiError) return null
  if (root === null || samePem(answer.rootCrt, encodePem('CERTIFICATE', root.der))) return answer.estTlsCrt
  const inApi = parseCertificate(PKI_FILES.rootCertificate, 'root', answer.rootCrt)
  return 'certificate' in inApi && sameRoot(inApi.certificate, root) ? answer.estTlsCrt : null
}

async function replacedCertificates(directory: InspectedDirectory): Promise<readonly Certificate[]> {
  const files = await Promise.all(directory.names.filter(isEarlierCertificate).map(directory.inspect))
  return files.flatMap(({ name, text }) => {
    const parsed = text === null ? null : parseCertificate(name, 'root', text)
    return parsed !== null && 'certificate' in parsed ? [parsed.certificate] : []
  })
}

function errorMessageOf(check: () => Promise<void>): Promise<string | null> {
  return check().then(
    () => null,
    (error: unknown) => `${toMessage(error)}.`,
  )
}

function toMessage(error: unknown): string {
  if (error instanceof FpkiError) return error.message.replace(/\.$/, '')
  throw error
}
