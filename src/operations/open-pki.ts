import { refuseKit } from '../directory/kit-record.js'
import { PKI_FILES } from '../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../directory/pki-directory.js'
import { optionsAsText, UnfinishedError } from '../directory/unfinished-error.js'
import { FpkiError } from '../errors.js'
import type { FactoryApi, FactoryCertificates, VersionedCertificates } from '../factory/api.js'
import { checkFactoryName } from '../factory-name.js'
import type { RootSigner } from '../keystore/root-key.js'
import { attributeValues } from '../pki/name.js'
import { encodePem } from '../pki/pem.js'
import { provesPossession } from '../pki/possession.js'
import { type Certificate, readPemCertificate, readPemCertificates, readPemList } from '../pki/read-certificate.js'
import { sameRoot } from '../pki/same-root.js'
import type { DurableFiles, Signer } from '../ports.js'
import { shellWord } from '../shell-word.js'
import { checkAbsolute } from '../storage/absolute-path.js'

/** An existing PKI directory and its root certificate. */
export interface OpenPki {
  readonly directory: PkiDirectory
  readonly root: Certificate
  readonly factory: string
}

/**
 * Opens a PKI directory of fpki or fioctl. Nothing is changed.
 *
 * @param path absolute
 * @param factory the factory that it must belong to; null: the one in its records or root certificate
 * @throws FpkiError ERR_USAGE, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS, ERR_NOT_INITIALIZED when it contains no PKI,
 *   ERR_UNFINISHED when an interrupted command has not created it yet,
 *   ERR_BAD_FILE, ERR_BAD_CERTIFICATE, ERR_OTHER_ROOT when it belongs to another factory
 */
export async function openPki(files: DurableFiles, path: string, factory: string | null): Promise<OpenPki> {
  checkAbsolute(path, 'PKI directory')
  const directory = pkiDirectory(files, path)
  const pem = (await directory.check()) === 'missing' ? null : await directory.read(PKI_FILES.rootCertificate)
  if (pem === null) throw await noPki(directory)
  const root = readPemCertificate(pem, `${path}/${PKI_FILES.rootCertificate}`)
  const units = attributeValues(root.subject, 'OU')
  const owner = factory ?? (await directory.readState())?.factory ?? units[0] ?? ''
  if (units.length === 1 && units[0] === owner) return { directory, root, factory: owner }
  throw new FpkiError(
    'ERR_OTHER_ROOT',
    `${path} is not the PKI of the factory ${owner}: its root certificate has OU=${units.join(', OU=')}.`,
    'Pass the right directory, or the right factory.',
    { option: 'factory' },
  )
}

/** As {@link openPki}, for commands that need the root key. Also throws ERR_KIT, before anything else is asked for. */
export async function openPkiOfRoot(files: DurableFiles, path: string, factory: string | null): Promise<OpenPki> {
  const pki = await openPki(files, path, factory)
  await refuseKit(pki.directory)
  return pki
}

/** The factory that a PKI directory belongs to. Throws as {@link openPki}, and ERR_USAGE when its name is invalid. */
export async function factoryOfPki(files: DurableFiles, path: string): Promise<string> {
  const { factory } = await openPki(files, path, null)
  return checkFactoryName(factory, `the root certificate in ${path}`)
}

/** The PKI in the Factory API. Throws ERR_NOT_INITIALIZED when it has none, ERR_OTHER_ROOT when it has another. */
export async function certificatesInApi(
  api: FactoryApi,
  { root, factory, directory }: OpenPki,
): Promise<VersionedCertificates> {
  const inApi = await api.getCertificates()
  if (inApi === null) throw notInApi(api, { factory, directory })
  requireSameRoot(inApi.rootCrt, { root, factory, directory })
  return inApi
}

/** ERR_NOT_INITIALIZED for a PKI directory whose PKI is not in the Factory API. */
export function notInApi(
  { name }: FactoryApi,
  { factory, directory }: Pick<OpenPki, 'factory' | 'directory'>,
): FpkiError {
  return new FpkiError(
    'ERR_NOT_INITIALIZED',
    `The Factory API ${name} has no PKI for the factory ${factory} yet.`,
    `Check the names of the factory and of the Factory API. If \`ca create\` was interrupted, finish it with \`fpki ca resume ${shellWord(directory.path)}\`.`,
    { option: 'api' },
  )
}

/**
 * Throws ERR_OTHER_ROOT when the root certificate in the Factory API (PEM) is not that of the directory, nor one that it
 * renews: the API keeps the first one.
 */
export function requireSameRoot(rootCrt: string, { root, factory, directory }: OpenPki): void {
  if (sameRoot(readPemCertificate(rootCrt, 'root-crt'), root)) return
  throw new FpkiError(
    'ERR_OTHER_ROOT',
    `The root certificate of the factory ${factory} in the Factory API is not the one in ${directory.path}.`,
    'Nothing was changed. Pass the right directory, or the right factory.',
    { option: 'factory' },
  )
}

/** The device CAs in the Factory API. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export function deviceCasOf({ caCrt }: FactoryCertificates): readonly Certificate[] {
  return caCrt === null || caCrt.trim() === '' ? [] : readPemCertificates(caCrt, 'ca-crt')
}

/** Their serial numbers only. Throws as {@link deviceCasOf}. */
export function deviceCaSerials({ caCrt }: FactoryCertificates): ReadonlySet<bigint> {
  const cas = caCrt === null || caCrt.trim() === '' ? [] : readPemList(caCrt, 'ca-crt')
  return new Set(cas.map(({ serialNumber }) => serialNumber))
}

/** A list of device CAs (PEM, docs/profile.md#certs), followed by those of `added` that it lacks. */
export function withDeviceCas(caCrt: string | null, added: readonly string[]): string {
  const certificates = [caCrt ?? '', ...added].flatMap((pem) =>
    pem.trim() === '' ? [] : readPemList(pem, 'ca-crt').map(({ der }) => encodePem('CERTIFICATE', der)),
  )
  return [...new Set(certificates)].join('\n')
}

/** Opens the root key. Throws ERR_BAD_KEY when it does not match the root certificate, and as RootSigner.open does. */
export async function openRootKey(rootSigner: Pick<RootSigner, 'open'>, { root, directory }: OpenPki): Promise<Signer> {
  const signer = await rootSigner.open()
  if (await provesPossession(signer, root.spki)) return signer
  throw new FpkiError(
    'ERR_BAD_KEY',
    `The root key of ${directory.path} is not the key of factory_ca.pem.`,
    'Nothing was changed. Restore both from a backup.',
  )
}

async function noPki(directory: PkiDirectory): Promise<FpkiError> {
  const { path } = directory
  const journal = (await directory.check()) === 'missing' ? null : await directory.readJournal()
  if (journal !== null && journal.finishedAt === null)
    return new UnfinishedError(path, journal.command, optionsAsText(journal.options))
  return new FpkiError(
    'ERR_NOT_INITIALIZED',
    `${path} does not contain a PKI: factory_ca.pem is missing.`,
    'Pass a PKI directory, or create one with `fpki ca create /absolute/path`.',
  )
}
