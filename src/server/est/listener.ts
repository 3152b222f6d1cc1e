import type { EstStatus, RenewalService } from '../../operations/renewal/model.js'
import { isIssuedBy, readCertificate, readPemCertificates } from '../../pki/read-certificate.js'
import type { Clock, Progress } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { type Address, readAddress } from '../address.js'
import type { Listener } from '../listener.js'
import type { Log } from '../log.js'
import type { ServerIdentity } from '../own-certificate.js'
import { type KeyPairFiles, readServerKeyPair, type TlsPorts } from '../tls-identity.js'
import { wrongCredentials } from '../wrong-credentials.js'
import { estMetrics } from './metrics.js'
import { serveEst } from './server.js'

/** Options of EST. */
export interface EstListenerOptions {
  /** Where devices renew: `HOST:PORT`, or `[ADDRESS]:PORT`. */
  readonly est: string
  readonly status: EstStatus
  /** Absolute paths of PEM files; null: est-tls-crt. */
  readonly tlsFiles: KeyPairFiles | null
}

/** Where it listens. */
export interface EstPlan extends EstListenerOptions {
  readonly address: Address
}

/** Its ports. */
export interface EstListenerPorts extends Pick<TlsPorts, 'files' | 'keys'> {
  readonly clock: Clock
  readonly progress: Progress
  readonly log: Log
  readonly service: RenewalService
  /** est-tls-crt and its key. Throws FpkiError when fpki does not have both. */
  estIdentity(): Promise<ServerIdentity & { readonly notAfter: Date }>
}

/** Checks the options. Throws ERR_USAGE. */
export function planEst(options: EstListenerOptions): EstPlan {
  return { ...options, address: readAddress(options.est, 'est') }
}

/** EST on its address. Throws ERR_USAGE, ERR_BAD_KEY, ERR_BAD_FILE, ERR_BAD_CERTIFICATE, and what `estIdentity` throws. */
export async function estListener(plan: EstPlan, directory: string, ports: EstListenerPorts): Promise<Listener> {
  const { service, log } = ports
  const identity = await identityOf(plan, directory, ports)
  const metrics = estMetrics()
  return {
    whyUnavailable: service.whyUnavailable,
    inFlight: metrics.inFlight,
    metrics: async () => metrics.text({ isAvailable: (await service.whyUnavailable()) === null }),
    listen: () => {
      const wrong = wrongCredentials(() => performance.now() / 1000)
      return serveEst({ ...plan.address, identity, status: plan.status }, { service, metrics, wrong, log })
    },
  }
}

/** fioconfig trusts the root only; clients with a trust store of their own may have another CA on purpose. */
async function warnOfOtherRoot(
  pem: string,
  path: string,
  directory: string,
  { service, progress }: Pick<EstListenerPorts, 'service' | 'progress'>,
): Promise<void> {
  const [rootDer] = (await service.caCertificates(null)) ?? []
  if (rootDer === undefined) return
  const root = readCertificate(rootDer, 'factory_ca.pem')
  if (readPemCertificates(pem, path).some((certificate) => isIssuedBy(certificate, root))) return
  progress.warn(
    `${path} is not signed by the root of the factory, so fioconfig refuses it: it trusts factory_ca.pem only. To sign a request for another: \`fpki ca sign CSR --pki-dir ${shellWord(directory)} --profile tls-server --out est.pem\`.`,
  )
}

async function identityOf({ tlsFiles }: EstPlan, directory: string, ports: EstListenerPorts): Promise<ServerIdentity> {
  if (tlsFiles !== null) {
    const identity = await readServerKeyPair(tlsFiles, ports)
    await warnOfOtherRoot(identity.certificate, tlsFiles.certificate, directory, ports)
    return identity
  }
  const { notAfter, ...identity } = await ports.estIdentity()
  if (ports.clock() >= notAfter)
    ports.progress.warn(
      `est-tls-crt has expired, so devices refuse it: create another with \`fpki est authorize ${shellWord(directory)}\`.`,
    )
  return identity
}
