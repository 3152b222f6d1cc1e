import { FpkiError, type FpkiOption } from '../errors.js'

/** Where a server listens. */
export interface Address {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}

/** Reads `HOST:PORT`, or `[ADDRESS]:PORT`. Throws ERR_USAGE about `option`. */
export function readAddress(text: string, option: FpkiOption): Address {
  const [, six, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = six ?? plain
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) }
  const hint = 'Use HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443; port 0 selects a free port.'
  throw new FpkiError('ERR_USAGE', `Invalid address to listen on: ${JSON.stringify(text)}.`, hint, { option })
}

/** `HOST:PORT`, with an IPv6 address in brackets. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Is it reached from this machine only? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
