import { FpkiError } from '../../errors.js'

/** What the configuration of nginx says. */
export interface NginxOptions {
  /** The absolute path under which nginx finds the files. */
  readonly at: string
  /** `PORT`, `HOST:PORT` or `[ADDRESS]:PORT`. */
  readonly listen: string
  /** Where requests of devices go: `http://HOST[:PORT][/path]`, or https. */
  readonly upstream: string
}

/** What stands in nginx's configuration between double quotes, where no escape takes the meaning from a `$`. */
const QUOTABLE = /^[^\p{C}"$\\]+$/u
const LISTEN = /^(?:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):)?(\d{1,5})$/
const UPSTREAM = /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/

/** Throws ERR_USAGE when nginx would read something else out of the options. */
export function checkNginxOptions({ at, listen, upstream }: NginxOptions): void {
  if (!QUOTABLE.test(at)) throw unfit(null, at, 'Name one without quotes, "$", "\\" and control characters.')
  const port = Number(LISTEN.exec(listen)?.[1] ?? 0)
  if (port < 1 || port > 65_535) throw unfit('listen', listen, 'Give PORT, HOST:PORT or [ADDRESS]:PORT.')
  if (!UPSTREAM.test(upstream)) throw unfit('upstream', upstream, 'Give http://HOST:PORT or https://HOST:PORT.')
}

/**
 * A `server` of nginx that takes devices over mutual TLS and hands their requests on; to be included where `http` is.
 * `isOpen`: there is a CA whose devices may come in. nginx does not start with an empty list of CAs, and one that goes
 * on with its earlier list would be open to the devices of the last CA; so without one, it turns everybody away.
 */
export function nginxConfiguration(
  { at, listen, upstream }: NginxOptions,
  serverNames: readonly string[],
  isOpen: boolean,
): string {
  const file = (name: string) => `"${at.replace(/\/$/, '')}/${name}"`
  return `server {
    listen ${listen} ssl;
    server_name ${serverNames.length === 0 ? '_' : serverNames.join(' ')};

    # Key and certificate are one file: a rotation takes both in one move.
    ssl_certificate ${file('tls.pem')};
    ssl_certificate_key ${file('tls.pem')};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
    # A session that goes on is not verified again; a device of a CA that was disabled since would still come in.
    ssl_session_cache off;
    ssl_session_tickets off;
${isOpen ? open(file('device-cas.pem'), upstream) : CLOSED}}
`
}

/** The root is not among the CAs: with it, a client that sends the certificate of a revoked CA along would be let in. */
function open(cas: string, upstream: string): string {
  return `
    # Each of these CAs is trusted by itself. Never add the root: it vouches for revoked CAs, too.
    ssl_client_certificate ${cas};
    ssl_verify_client on;
    ssl_verify_depth 1;

    location / {
        proxy_pass ${upstream};
        proxy_set_header Host $host;
        # Who the device is; what a client sends under these names is lost.
        proxy_set_header X-Device-Subject $ssl_client_s_dn;
        proxy_set_header X-Device-Serial $ssl_client_serial;
        proxy_set_header X-Device-Certificate $ssl_client_escaped_cert;
    }
`
}

const CLOSED = `
    # No device CA is enabled: nobody may come in.
    return 403;
`

function unfit(option: 'listen' | 'upstream' | null, value: string, hint: string): FpkiError {
  const text = `Not usable in a configuration of nginx: ${JSON.stringify(value)}.`
  return new FpkiError('ERR_USAGE', text, hint, option === null ? {} : { option })
}
