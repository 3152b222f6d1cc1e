import { FpkiError } from '../../errors.js'
import { NGINX_VARIABLE } from '../devices/publish/nginx-map.js'

/** Options of the nginx configuration. */
export interface NginxOptions {
  /** The absolute path of the files on the machine with nginx. */
  readonly at: string
  /** `PORT`, `HOST:PORT` or `[ADDRESS]:PORT`. */
  readonly listen: string
  /** Where requests of devices are forwarded: `http://HOST[:PORT][/path]`, or https. */
  readonly upstream: string
  /** Whether the devices of a deny list are refused. */
  readonly denyList: boolean
}

/** The deny list, beside nginx.conf. */
export const DENY_LIST = 'denied-devices.map'

/** Safe between double quotes in nginx.conf, where `$` cannot be escaped. */
const QUOTABLE = /^[^\p{C}"$\\]+$/u
const LISTEN = /^(?:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):)?(\d{1,5})$/
const UPSTREAM = /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/

/** Throws ERR_USAGE for options that nginx.conf cannot express. */
export function checkNginxOptions({ at, listen, upstream }: NginxOptions): void {
  if (!QUOTABLE.test(at))
    throw invalidOption(null, at, 'Choose a path without quotes, "$", "\\" and control characters.')
  const port = Number(LISTEN.exec(listen)?.[1] ?? 0)
  if (port < 1 || port > 65_535) throw invalidOption('listen', listen, 'Use PORT, HOST:PORT or [ADDRESS]:PORT.')
  if (!UPSTREAM.test(upstream)) throw invalidOption('upstream', upstream, 'Use http://HOST:PORT or https://HOST:PORT.')
}

/**
 * An nginx `server` that authenticates devices with mutual TLS and forwards their requests; to be included in `http`.
 *
 * @param isOpen false: no device CA is enabled, so every request is rejected. nginx does not start with an empty list of
 *   CAs, and if it kept the old list, it would still admit devices of the last CA
 */
export function nginxConfiguration(
  { at, listen, upstream, denyList }: NginxOptions,
  serverNames: readonly string[],
  isOpen: boolean,
): string {
  const file = (name: string) => `"${at.replace(/\/$/, '')}/${name}"`
  return `${denyList ? mapOf(file(DENY_LIST)) : ''}server {
    listen ${listen} ssl;
    server_name ${serverNames.length === 0 ? '_' : serverNames.join(' ')};

    # Key and certificate are in one file, so that both are replaced atomically.
    ssl_certificate ${file('tls.pem')};
    ssl_certificate_key ${file('tls.pem')};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
    # Resumed sessions are not verified again: they would admit devices of a CA that was disabled since.
    ssl_session_cache off;
    ssl_session_tickets off;
${denyList ? DENY : ''}${isOpen ? open(file('device-cas.pem'), upstream) : CLOSED}}
`
}

/**
 * Sizes for a million serial numbers of 40 digits (56 octets each in nginx): with the default of 2,048 buckets, nginx warns, and
 * compares hundreds of them for each request.
 */
function mapOf(denyList: string): string {
  return `# The deny list, which sets $fpki_denied. These sizes must come before any other map.
map_hash_max_size 1048576;
map_hash_bucket_size 1024;
include ${denyList};

`
}

const DENY = `
    # A certificate that was revoked.
    if (${NGINX_VARIABLE}) {
        return 403;
    }
`

/** Without the root: with it, a client that sends the certificate of a revoked CA along would be admitted. */
function open(cas: string, upstream: string): string {
  return `
    # Each of these CAs is a trust anchor. Never add the root: it would admit devices of revoked CAs.
    ssl_client_certificate ${cas};
    ssl_verify_client on;
    ssl_verify_depth 1;

    location / {
        proxy_pass ${upstream};
        proxy_set_header Host $host;
        # The identity of the device; replaces headers with these names from the client.
        proxy_set_header X-Device-Subject $ssl_client_s_dn;
        proxy_set_header X-Device-Serial $ssl_client_serial;
        proxy_set_header X-Device-Certificate $ssl_client_escaped_cert;
    }
`
}

const CLOSED = `
    # No device CA is enabled: every request is rejected.
    return 403;
`

function invalidOption(option: 'listen' | 'upstream' | null, value: string, hint: string): FpkiError {
  const text = `Cannot write this value to nginx.conf: ${JSON.stringify(value)}.`
  return new FpkiError('ERR_USAGE', text, hint, option === null ? {} : { option })
}
