import { FpkiError } from '../../errors.js'
import { checkFactoryName } from '../../factory-name.js'
import { parseAndVerifyCsr } from '../../pki/csr.js'
import { provesPossession } from '../../pki/possession.js'
import { sameKey } from '../../pki/public-key.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles, Signer } from '../../ports.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import type { CsrKind, FactoryCertificates } from '../api.js'
import { type FactoryState, factoryFolder, keyPath, readState } from './state.js'

/** What a device gateway needs from an embedded factory. */
export interface GatewayMaterial {
  readonly certificates: FactoryCertificates
  readonly tls: Certificate
  /** The private key of tls-crt, PEM. Secret. */
  readonly tlsKey: string
}

/** The location of an embedded factory, and how to open its keys. */
interface GatewaySource {
  readonly stateDirectory: string
  readonly factory: string
  readonly files: DurableFiles
  openKey(pem: string, what: string): Promise<Signer>
}

/**
 * Reads the certificates of an embedded factory and the key of its tls-crt, which no Factory API exposes. Writes nothing.
 *
 * @throws FpkiError ERR_NOT_INITIALIZED without a PKI or a tls-crt; ERR_BAD_FILE, ERR_BAD_KEY when the state is damaged
 */
export async function readGateway(source: GatewaySource): Promise<GatewayMaterial> {
  const { factory } = source
  const { folder, state } = await stateOf(source)
  const certificates = state?.certificates ?? null
  if (state === null || certificates === null || certificates.tlsCrt === null) throw noGateway(factory)
  const tls = readPemCertificate(certificates.tlsCrt, 'tls-crt')
  return { certificates, tls, tlsKey: await readServerKey(source, { folder, state }, tls, TLS) }
}

/** The EST server of an embedded factory. */
export interface EstServerMaterial {
  readonly certificates: FactoryCertificates
  readonly estTls: Certificate
  /** The private key of est-tls-crt, PEM. Secret. */
  readonly estTlsKey: string
}

/**
 * Reads the est-tls-crt of an embedded factory and its key, which no Factory API exposes. Writes nothing. null: the factory has
 * none.
 *
 * @param hint what to do when its key is not there
 * @throws FpkiError ERR_BAD_FILE, ERR_BAD_KEY when the state is damaged
 */
export async function readEstServer(source: GatewaySource, hint: string): Promise<EstServerMaterial | null> {
  const { folder, state } = await stateOf(source)
  const certificates = state?.certificates ?? null
  if (state === null || certificates === null || certificates.estTlsCrt === null) return null
  const estTls = readPemCertificate(certificates.estTlsCrt, 'est-tls-crt')
  return {
    certificates,
    estTls,
    estTlsKey: await readServerKey(source, { folder, state }, estTls, { ...EST_TLS, hint }),
  }
}

async function stateOf({ stateDirectory, factory, files }: GatewaySource) {
  checkAbsolute(stateDirectory, 'state directory')
  const folder = factoryFolder(stateDirectory, checkFactoryName(factory, 'the caller'))
  const exists = (await files.list(folder)) !== null
  if (exists) await files.checkDirectory(folder)
  return { folder, state: exists ? await readState(files, folder, factory) : null }
}

/** A server certificate, and how to make another one with a new key. */
interface ServerCertificate {
  readonly kind: CsrKind
  readonly name: string
  readonly hint: string
}

const TLS: ServerCertificate = {
  kind: 'tls',
  name: 'tls-crt',
  hint: 'Restore it from a backup, or create a new key and certificate with `fpki ca rotate-tls DIR` (DIR is its PKI directory).',
}
const EST_TLS = { kind: 'estTls', name: 'est-tls-crt' } as const

async function readServerKey(
  { files, openKey }: GatewaySource,
  { folder, state }: { readonly folder: string; readonly state: FactoryState },
  { publicKey }: Certificate,
  { kind, name, hint }: ServerCertificate,
): Promise<string> {
  const stored = state.csrs.findLast(
    (one) => one.kind === kind && sameKey(parseAndVerifyCsr(one.csr, `the request for ${name}`).publicKey, publicKey),
  )
  const path = stored === undefined ? null : keyPath(folder, stored.kind, stored.generation)
  const pem = path === null ? null : await files.read(path, 16_384)
  const isItsKey = pem !== null && (await provesPossession(await openKey(pem, path ?? ''), publicKey.spki))
  if (isItsKey) return pem
  throw new FpkiError('ERR_BAD_KEY', `${path ?? folder} is not the key of ${name}.`, hint)
}

function noGateway(factory: string): FpkiError {
  return new FpkiError(
    'ERR_NOT_INITIALIZED',
    `The embedded Factory API has no gateway certificate for the factory ${factory}.`,
    'Create its PKI with `fpki ca create /absolute/path`, or use another factory.',
  )
}
