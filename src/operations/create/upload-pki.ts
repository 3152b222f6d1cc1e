import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { KeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import {
  type CertificatesUpdate,
  type FactoryApi,
  FactoryApiError,
  type FactoryCertificates,
} from '../../factory/api.js'
import type { KeyStore } from '../../keystore/key-store.js'
import { keyRefName } from '../../keystore/labels.js'
import { samePem } from '../../pki/pem.js'
import { provesPossession } from '../../pki/possession.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { shellWord } from '../../shell-word.js'
import { requireText } from '../signing/certificate-files.js'
import { factoryIsSet } from './factory-is-set.js'
import type { CreateKeys } from './keys.js'

/** What an upload works with. */
interface Upload {
  readonly directory: PkiDirectory
  readonly factory: string
  readonly api: FactoryApi
  readonly keys: Pick<CreateKeys, 'store' | 'root' | 'localCa'>
}

/**
 * Uploads a new PKI to the Factory API, and reads it back. The API accepts all of it in one call, or nothing. The root can be set
 * only once, so everything is checked before.
 *
 * @param interrupted an earlier upload may have been accepted and its answer lost, so the API is read first
 * @throws FpkiError ERR_BAD_FILE or ERR_BAD_KEY when a file is missing or does not fit, ERR_FACTORY_IS_SET, ERR_API
 */
export async function uploadPki(
  { directory, factory, api, keys }: Upload,
  files: readonly string[],
  interrupted: boolean,
): Promise<void> {
  const certificates = await wholePki(directory, keys, files)
  const inApi = interrupted ? await api.getCertificates() : null
  // If the API has our root, it has accepted the whole upload; any other difference is a later change.
  if (inApi !== null && samePem(inApi.rootCrt, certificates.rootCrt)) return
  if (inApi !== null) throw factoryIsSet(factory, api)
  await beforeTheRoot(api, factory, api.updateCertificates(certificates))
  requireSame(await api.getCertificates(), certificates, directory)
}

/** An answer of an API without a root. A conflict may mean that another client has set one in the meantime. */
export async function beforeTheRoot<T>(api: FactoryApi, factory: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const isConflict = error instanceof FactoryApiError && error.status === 409
    if (isConflict && (await api.getCertificates().catch(() => null)) !== null) throw factoryIsSet(factory, api)
    throw error
  }
}

function requireSame(inApi: FactoryCertificates | null, sent: CertificatesUpdate, { path }: PkiDirectory): void {
  if (
    samePem(inApi?.rootCrt, sent.rootCrt) &&
    samePem(inApi?.tlsCrt, sent.tlsCrt) &&
    samePem(inApi?.caCrt, sent.caCrt)
  ) {
    return
  }
  throw new FpkiError(
    'ERR_API',
    'The Factory API accepted the certificates, but does not show them.',
    `The PKI directory is complete. Compare it with \`fpki ca show ${shellWord(path)} --pretty\`, then run the same command again.`,
  )
}

/**
 * The certificates of a PKI directory in the format of the Factory API (docs/profile.md#certs), after checking
 * that no file of `files` is missing and each key matches its certificate. Throws ERR_BAD_FILE or ERR_BAD_KEY.
 */
async function wholePki(
  directory: PkiDirectory,
  { store, root, localCa }: Upload['keys'],
  files: readonly string[],
): Promise<CertificatesUpdate & { readonly rootCrt: string }> {
  for (const file of files) await requireText(directory, file)
  const text = async (file: string) => (files.includes(file) ? requireText(directory, file) : '')
  const { rootCertificate, tlsCertificate, onlineCaCertificate, localCaCertificate } = PKI_FILES
  await requirePair(directory, store, root, rootCertificate)
  if (localCa !== null) await requirePair(directory, store, localCa, localCaCertificate)
  const deviceCas = [await text(onlineCaCertificate), await text(localCaCertificate)].filter((pem) => pem !== '')
  const certificates = { rootCrt: await text(rootCertificate), tlsCrt: await text(tlsCertificate) }
  return deviceCas.length === 0 ? certificates : { ...certificates, caCrt: deviceCas.join('\n') }
}

async function requirePair(directory: PkiDirectory, store: KeyStore, key: KeyRef, file: string): Promise<void> {
  const certificate = readPemCertificate(await requireText(directory, file), `${directory.path}/${file}`)
  if (await provesPossession(await store.open(key, certificate.spki), certificate.spki)) return
  throw new FpkiError(
    'ERR_BAD_KEY',
    `${keyRefName(key, directory.path)} is not the key of ${file}.`,
    'Nothing was sent to the Factory API. Restore both files, then run the same command again.',
  )
}
