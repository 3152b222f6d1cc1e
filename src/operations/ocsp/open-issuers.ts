import { FpkiError } from '../../errors.js'
import { issuerKeys } from '../../pki/ocsp/issuer.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Progress } from '../../ports.js'
import { type Closers, closeAll } from '../closers.js'
import { findDeviceIssuer, localCaNames } from '../devices/open-issuer.js'
import type { OpenPki } from '../open-pki.js'
import { type Delegate, delegate } from './delegate.js'
import { newResponder, type ResponderPorts } from './responder-certificate.js'

/** A device CA that the service answers for. */
export interface OcspIssuer {
  readonly ca: Certificate
  /** SHA-256 of the certificate, lower-case hex: the name of the CA in the device register. */
  readonly fingerprint: string
  /** The certificate file in the directory. */
  readonly file: string
  readonly delegate: Delegate
}

/** The device CAs that the service answers for. */
export interface OcspIssuers {
  readonly all: readonly OcspIssuer[]
  /** The CA that all of them name, as issuerKeyOf has it; null: none, or several. */
  of(keys: readonly (string | null)[]): OcspIssuer | null
  close(): Promise<void>
}

/** Ports of {@link openOcspIssuers}. */
export interface OcspIssuerPorts extends ResponderPorts {
  readonly progress: Progress
}

/**
 * Opens the local CAs of a directory for OCSP: each signs the certificate of a responder, whose key is in memory only. A CA
 * that cannot do so is a warning while another can.
 *
 * @param only the certificate file of the only CA; null: all
 * @throws FpkiError as findDeviceIssuer and newResponder
 */
export async function openOcspIssuers(pki: OpenPki, only: string | null, ports: OcspIssuerPorts): Promise<OcspIssuers> {
  const names = only === null ? await localCaNames(pki) : [only]
  const closers: Closers = []
  const all: OcspIssuer[] = []
  const errors: FpkiError[] = []
  for (const name of names) {
    try {
      const issuer = await openOne(pki, name, ports)
      closers.push(issuer.delegate.close)
      all.push(issuer)
    } catch (error) {
      if (!(error instanceof FpkiError)) throw error
      errors.push(error)
    }
  }
  const [first] = errors
  if (all.length === 0) throw first ?? (await findDeviceIssuer(pki, NOT_NAMED, ports.clock()).then(noCa))
  for (const { message } of errors) ports.progress.warn(`OCSP does not answer for one of its device CAs: ${message}`)
  const byKey = new Map(all.flatMap((issuer) => issuerKeys(issuer.ca).map((key) => [key, issuer] as const)))
  return {
    all,
    of: (keys) => {
      const [issuer = null, ...others] = new Set(keys.map((key) => byKey.get(key ?? '') ?? null))
      return others.length === 0 ? issuer : null
    },
    close: () => closeAll(closers),
  }
}

const NOT_NAMED = { file: null, bound: null } as const

/** There is no local CA, which findDeviceIssuer reports. */
function noCa(): never {
  throw new Error('a directory without a local CA has one')
}

async function openOne(pki: OpenPki, name: string, ports: OcspIssuerPorts): Promise<OcspIssuer> {
  const find = () => findDeviceIssuer(pki, { ...NOT_NAMED, file: name }, ports.clock())
  const issuer = await find()
  const { ca, fingerprint, file } = issuer
  const first = await newResponder(pki, issuer, ports)
  // Found again for each certificate: a CA that was disabled meanwhile delegates to nobody.
  const renew = async () => newResponder(pki, await find(), ports)
  return { ca, fingerprint, file, delegate: delegate({ name: file, ca, first, renew }, ports) }
}
