import type { Line } from '../../devices/register.js'
import { readableCertificates } from '../../directory/certificate-files.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { encodePem } from '../../pki/pem.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { type Closers, closeAll } from '../closers.js'
import type { IssuedDevice } from '../devices/model.js'
import { type DeviceIssuer, findDeviceIssuer } from '../devices/open-issuer.js'
import { type CertificateFiles, certificateFiles } from '../devices/output/sota-files.js'
import { type SotaServers, sotaServers } from '../devices/output/sota-servers.js'
import type { OpenPki } from '../open-pki.js'
import { type IssuerPorts, openRegistrationIssuer, type RegistrationIssuer } from './open-issuer.js'
import type { DeviceServiceOptions, RegistrationOptions } from './options.js'

/** A device CA, and how it makes the files of devices. */
export interface LineIssuer extends RegistrationIssuer {
  filesOf(device: Pick<IssuedDevice, 'kind' | 'uuid' | 'der'>): CertificateFiles
}

/** The device CAs of lines. */
export interface Issuers {
  /** Throws ERR_LINE when the CA of the line was not opened at the start. */
  of(line: Line): LineIssuer
  /** null: it was not opened. */
  find(line: Pick<Line, 'ca'>): LineIssuer | null
  close(): Promise<void>
}

/**
 * Opens the device CAs of `lines`, each once. A CA that cannot be used is a warning while another can; a wrong passphrase or
 * PIN is an error. Throws as findDeviceIssuer and openBatchKey.
 */
export async function openIssuers(
  pki: OpenPki,
  lines: readonly Line[],
  options: DeviceServiceOptions,
  ports: IssuerPorts,
): Promise<Issuers> {
  const closers: Closers = []
  try {
    const byCa = new Map<string | null, LineIssuer>()
    const all = (await readableCertificates(pki.directory)).map(({ certificate }) =>
      encodePem('CERTIFICATE', certificate.der),
    )
    for (const [ca, issuer] of await usable(pki, new Set(lines.map((line) => line.ca)), ports)) {
      const open = byCa.get(issuer.fingerprint) ?? (await openOne(pki, issuer, all, options, ports))
      if (!byCa.has(issuer.fingerprint)) closers.push(open.close)
      byCa.set(issuer.fingerprint, open).set(ca, open)
    }
    const find = ({ ca }: Pick<Line, 'ca'>) => byCa.get(ca) ?? null
    return { find, of: (line) => find(line) ?? notOpened(line), close: () => closeAll(closers) }
  } catch (error) {
    await closeAll(closers).catch(() => undefined)
    throw error
  }
}

async function usable(
  pki: OpenPki,
  cas: ReadonlySet<string | null>,
  { clock, progress }: IssuerPorts,
): Promise<ReadonlyMap<string | null, DeviceIssuer>> {
  const issuers = new Map<string | null, DeviceIssuer>()
  const errors: FpkiError[] = []
  for (const bound of cas) {
    try {
      issuers.set(bound, await findDeviceIssuer(pki, { file: null, bound }, clock()))
    } catch (error) {
      if (!(error instanceof FpkiError)) throw error
      errors.push(error)
    }
  }
  const [first] = errors
  if (issuers.size === 0 && first !== undefined) throw first
  for (const { message } of errors) progress.warn(`Its lines register no devices: ${message}`)
  return issuers
}

async function openOne(
  pki: OpenPki,
  issuer: DeviceIssuer,
  certificates: readonly string[],
  options: DeviceServiceOptions,
  ports: IssuerPorts,
): Promise<LineIssuer> {
  const settings = {
    rootPem: encodePem('CERTIFICATE', pki.root.der),
    caPem: encodePem('CERTIFICATE', issuer.ca.der),
    // A device that has a certificate of another CA keeps it.
    otherCas: certificates,
  }
  return { ...(await openRegistrationIssuer(pki, issuer, options, ports)), filesOf: certificateFiles(settings) }
}

function notOpened({ name }: Line): never {
  throw new FpkiError(
    'ERR_NOT_A_DEVICE_CA',
    `The line ${name} is bound to a device CA that the registration service did not open when it started.`,
    'Start the service again, so that it opens the CA.',
  )
}

/** The servers that devices of a PKI are told to use. Throws as sotaServers. */
export async function serversOf(
  { directory }: OpenPki,
  { gateway, ostree }: Pick<RegistrationOptions, 'gateway' | 'ostree'>,
): Promise<SotaServers> {
  const pem = await directory.read(PKI_FILES.tlsCertificate)
  const tls = pem === null ? null : readPemCertificate(pem, `${directory.path}/${PKI_FILES.tlsCertificate}`)
  return sotaServers(tls, { gateway, ostree })
}
