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
import type { DurableFiles, Passphrases, Random } from '../../../ports.js'

/** A certificate that can be read, and where it is from. */
export interface SeenCertificate {
  /** The name of its file; for one that only the Factory API has, what the API calls it. */
  readonly file: string
  readonly role: CertificateRole
  readonly certificate: Certificate
}

/** What should be a certificate and is none. */
export interface BrokenCertificate {
  readonly file: string
  readonly problem: FpkiError
}

/** What the Factory API says: its certificates, null for none, or why it says nothing. */
export type ApiAnswer = { readonly name: string; readonly known: FactoryCertificates | FpkiError | null }

/** Everything that the checks look at, gathered once. */
export interface Scene {
  readonly directory: InspectedDirectory
  /** Every key and certificate in use, by its name. */
  readonly files: readonly InspectedFile[]
  readonly certificates: readonly SeenCertificate[]
  readonly broken: readonly BrokenCertificate[]
  /** Certificates that others have taken the place of, as far as they can be read. */
  readonly earlier: readonly Certificate[]
  readonly root: Certificate | null
  readonly factory: string | null
  /** null: --offline. */
  readonly api: ApiAnswer | null
  readonly atWork: boolean
  /** Why others could change the directory; null: they cannot. */
  readonly writable: string | null
  /** Why what is recorded in the directory is not known to be ours, a clause; null: it is ours. */
  readonly foreign: string | null
  /** Who else could put another directory in its place: a sentence each. */
  readonly above: readonly string[]
  readonly now: Date
  readonly warnDays: number
}

/** What the checks work with beside the scene. */
export interface CheckPorts {
  /** null: the root key is left out. */
  readonly rootSigner: RootSigner | null
  readonly random: Random
  /** Where the passphrase of encrypted key files comes from; absent: from nowhere. */
  readonly passphrases: Passphrases | undefined
}

/** The Factory API that knows a factory. */
export type ApiOf = (factory: string) => FactoryApi | Promise<FactoryApi>

/** What the scene is gathered from. */
export interface SceneSources {
  readonly path: string
  readonly files: DurableFiles
  /** Said by flags or environment; null: the directory says it. */
  readonly factory: string | null
  /** The Factory API that knows a factory; null: none is asked. */
  readonly api: ApiOf | null
  readonly now: Date
  readonly warnDays: number
}

/** Reads everything there is to see, and changes nothing. Throws ERR_NOT_A_DIRECTORY or ERR_STORAGE for the directory itself. */
export async function gatherScene({ path, files: disk, now, warnDays, ...sources }: SceneSources): Promise<Scene> {
  const directory = await inspectDirectory(disk, path)
  const { certificates: names, keys } = pkiFilesOf(directory)
  const files = await Promise.all([...names, ...keys].map(directory.inspect))
  const texts = files.filter(({ name }) => names.includes(name))
  const read = texts.flatMap(({ name, text }) => (text === null ? [] : [readSeen(name, roleOfFile(name), text)]))
  const root =
    read.flatMap((seen) => ('certificate' in seen && seen.role === 'root' ? [seen.certificate] : []))[0] ?? null
  const factory = sources.factory ?? factoryIn(directory, root)
  const foreign = await whyForeignDirectory(disk, path).catch(toMessage)
  // What somebody else has written does not decide what is asked of the Factory API, with our credentials.
  const isUnasked = sources.api === null || (foreign !== null && sources.factory === null)
  const api = isUnasked || sources.api === null ? null : await ask(sources.api, factory)
  const { estTlsCertificate } = PKI_FILES
  const est = names.includes(estTlsCertificate) ? null : estOf(api, root)
  const all = est === null ? read : [...read, readSeen(estTlsCertificate, 'est-tls', est)]
  return {
    directory,
    files,
    certificates: all.filter((seen) => 'certificate' in seen),
    broken: all.filter((seen) => 'problem' in seen),
    earlier: await earlierOf(directory),
    root,
    factory,
    api,
    atWork: await isBusy(disk, path),
    writable: await complaintOf(() => disk.checkDirectory(path)),
    foreign,
    above: await disk.warningsAbove(path),
    now,
    warnDays,
  }
}

/** The certificate of a role that there is at most one of. */
export function certificateOf({ certificates }: Scene, role: CertificateRole): Certificate | null {
  return certificates.find((seen) => seen.role === role)?.certificate ?? null
}

function readSeen(file: string, role: CertificateRole, text: string): SeenCertificate | BrokenCertificate {
  try {
    return { file, role, certificate: readPemCertificate(text, file) }
  } catch (problem) {
    if (problem instanceof FpkiError) return { file, problem }
    throw problem
  }
}

async function ask(api: ApiOf, factory: string | null): Promise<ApiAnswer> {
  const hint = 'Name it with --factory.'
  try {
    if (factory === null)
      throw new FpkiError('ERR_USAGE', `Nothing says which factory ${PKI_FILES.rootCertificate} is of.`, hint)
    const port = await api(factory)
    return { name: port.name, known: await port.getCertificates() }
  } catch (error) {
    if (error instanceof FpkiError) return { name: 'the Factory API', known: error }
    throw error
  }
}

/** fioctl keeps no file of it. That of another root is not this PKI's. */
function estOf(api: ApiAnswer | null, root: Certificate | null): string | null {
  const known = api?.known ?? null
  if (known === null || known instanceof FpkiError) return null
  const isOther = root !== null && !samePem(known.rootCrt, encodePem('CERTIFICATE', root.der))
  return isOther ? null : known.estTlsCrt
}

async function earlierOf(directory: InspectedDirectory): Promise<readonly Certificate[]> {
  const files = await Promise.all(directory.names.filter(isEarlierCertificate).map(directory.inspect))
  return files.flatMap(({ name, text }) => {
    const seen = text === null ? null : readSeen(name, 'root', text)
    return seen !== null && 'certificate' in seen ? [seen.certificate] : []
  })
}

function complaintOf(check: () => Promise<void>): Promise<string | null> {
  return check().then(
    () => null,
    (error: unknown) => `${toMessage(error)}.`,
  )
}

function toMessage(error: unknown): string {
  if (error instanceof FpkiError) return error.message.replace(/\.$/, '')
  throw error
}
