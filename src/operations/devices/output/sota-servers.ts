import { FpkiError } from '../../../errors.js'
import type { Certificate } from '../../../pki/read-certificate.js'
import { toServerName, urlHosts } from '../../../pki/server-name.js'

/** The servers that a device is told to use: origins such as `https://gateway.example:8443`. */
export interface SotaServers {
  readonly gateway: string
  readonly ostree: string
}

/** Servers that the user names; null: those of the certificate. */
export interface ServerOverrides {
  readonly gateway: string | null
  readonly ostree: string | null
}

/**
 * The gateway and the OSTree server of a factory, as the registration reference finds them: port 8443 of the first and the
 * second name of the certificate `tls-crt`, DNS names before IP addresses; both the same when it has one name.
 *
 * @param tlsCertificate null: the directory has none
 * @throws FpkiError ERR_USAGE for an override that is not the URL of a server, and when a name is missing
 */
export function sotaServers(
  tlsCertificate: Pick<Certificate, 'parsedExtensions'> | null,
  { gateway, ostree }: ServerOverrides,
): SotaServers {
  const hosts = urlHosts(tlsCertificate?.parsedExtensions.subjectAltName ?? [])
  const [first, second = first] = hosts.map((host) => `https://${host}:8443`)
  return { gateway: origin('gateway', gateway, first), ostree: origin('ostree', ostree, second) }
}

function origin(option: 'gateway' | 'ostree', override: string | null, fromCertificate: string | undefined): string {
  const text = override ?? fromCertificate
  const name = option === 'gateway' ? 'gateway' : 'OSTree server'
  const hint = 'Use a URL such as https://gateway.example:8443, without a path.'
  if (text === undefined) throw badServer(option, `The ${name} is unknown: tls-crt has no server name.`, hint)
  if (isOrigin(text)) return text.replace(/\/$/, '')
  throw badServer(option, `Invalid URL of the ${name}: ${JSON.stringify(text)}.`, hint)
}

function badServer(option: 'gateway' | 'ostree', message: string, hint: string): FpkiError {
  return new FpkiError('ERR_USAGE', message, hint, { option })
}

/** Scheme, host and port, and nothing that a parser would have to repair. */
function isOrigin(text: string): boolean {
  const match = /^https:\/\/(\[[^\]]+\]|[^:/?#@\\[\]]+)(:[1-9]\d{0,4})?\/?$/.exec(text)
  const host = match?.[1]?.replace(/^\[|\]$/g, '') ?? ''
  return URL.canParse(text) && toServerName(host) !== null && !host.includes('*')
}
