import { PKI_FILES } from '../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../directory/pki-directory.js'
import { optionsAsText, UnfinishedError } from '../directory/unfinished-error.js'
import { FpkiError } from '../errors.js'
import type { FactoryApi, FactoryCertificates, KnownCertificates } from '../factory/api.js'
import { checkFactoryName } from '../factory-name.js'
import type { RootSigner } from '../keystore/root-key.js'
import { attributeValues } from '../pki/name.js'
import { sameOctets } from '../pki/octets.js'
import { encodePem } from '../pki/pem.js'
import { provesPossession } from '../pki/possession.js'
import { type Certificate, readPemCertificate, readPemCertificates, readPemList } from '../pki/read-certificate.js'
import type { DurableFiles, Signer } from '../ports.js'
import { shellWord } from '../shell-word.js'
import { checkAbsolute } from '../storage/absolute-path.js'

/** A PKI directory that is there, and its root certificate. */
export interface OpenPki {
  readonly directory: PkiDirectory
  readonly root: Certificate
  readonly factory: string
}

/**
 * Opens a PKI directory that fpki or fioctl has made. Nothing is changed.
 *
 * @param path absolute
 * @param factory the factory that it must be of; null: the one that its records or its root certificate name
 * @throws FpkiError ERR_USAGE, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS, ERR_NOT_INITIALIZED when there is no PKI in it,
 *   ERR_UNFINISHED when an interrupted command is still to make it,
 *   ERR_BAD_FILE, ERR_BAD_CERTIFICATE, ERR_OTHER_ROOT when it is the PKI of another factory
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
    'Name the right directory, or the right factory.',
    { option: 'factory' },
  )
}

/** The factory that a PKI directory belongs to. Throws as {@link openPki}, and ERR_USAGE when that is no factory's name. */
export async function factoryOfPki(files: DurableFiles, path: string): Promise<string> {
  const { factory } = await openPki(files, path, null)
  return checkFactoryName(factory, `the root certificate in ${path}`)
}

/** What the Factory API knows of the PKI. Throws ERR_NOT_INITIALIZED or ERR_OTHER_ROOT when it knows another, or none. */
export async function knownPki(api: FactoryApi, { root, factory, directory }: OpenPki): Promise<KnownCertificates> {
  const known = await api.getCertificates()
  if (known === null) {
    throw new FpkiError(
      'ERR_NOT_INITIALIZED',
      `The factory ${factory} has no PKI yet, as the Factory API ${api.name} knows it.`,
      `If its making was interrupted, finish it with \`fpki ca resume ${shellWord(directory.path)}\`; else name the right factory and Factory API.`,
      { option: 'api' },
    )
  }
  if (sameOctets(readPemCertificate(known.rootCrt, 'root-crt').der, root.der)) return known
  throw new FpkiError(
    'ERR_OTHER_ROOT',
    `The factory ${factory} has another root of trust than ${directory.path}.`,
    'Nothing was changed. Name the right directory, or the right factory.',
    { option: 'factory' },
  )
}

/** The device CAs that the Factory API knows. Throws ERR_BAD_FILE or ERR_BAD_CERTIFICATE. */
export function deviceCasOf({ caCrt }: FactoryCertificates): readonly Certificate[] {
  return caCrt === null || caCrt.trim() === '' ? [] : readPemCertificates(caCrt, 'ca-crt')
}

/** Their serial numbers only. Throws as {@link deviceCasOf}. */
export function deviceCaSerials({ caCrt }: FactoryCertificates): ReadonlySet<bigint> {
  const cas = caCrt === null || caCrt.trim() === '' ? [] : readPemList(caCrt, 'ca-crt')
  return new Set(cas.map(({ serialNumber }) => serialNumber))
}

/** A list of device CAs (PEM, docs/profile.md#certs) with those of `added` behind it that it lacks. */
export function withDeviceCas(caCrt: string | null, added: readonly string[]): string {
  const certificates = [caCrt ?? '', ...added].flatMap((pem) =>
    pem.trim() === '' ? [] : readPemList(pem, 'ca-crt').map(({ der }) => encodePem('CERTIFICATE', der)),
  )
  return [...new Set(certificates)].join('\n')
}

/** The root key. Throws ERR_BAD_KEY when it is not that of the root certificate, and what opening it throws. */
export async function openRootKey(rootSigner: Pick<RootSigner, 'open'>, { root, directory }: OpenPki): Promise<Signer> {
  const signer = await rootSigner.open()
  if (await provesPossession(signer, root.spki)) return signer
  throw new FpkiError(
    'ERR_BAD_KEY',
    `The root key of ${directory.path} is not the key of factory_ca.pem.`,
    'Nothing was changed. Put both back from a backup.',
  )
}

async function noPki(directory: PkiDirectory): Promise<FpkiError> {
  const { path } = directory
  const journal = (await directory.check()) === 'missing' ? null : await directory.readJournal()
  if (journal !== null && journal.finishedAt === null)
    return new UnfinishedError(path, journal.command, optionsAsText(journal.options))
  return new FpkiError(
    'ERR_NOT_INITIALIZED',
    `${path} holds no PKI: there is no factory_ca.pem in it.`,
    'Name a PKI directory, or make one with `fpki ca create /absolute/path`.',
  )
}
