import { FpkiError } from '../errors.js'

/** The chosen Factory API; `url` has no trailing slash. */
export type ApiChoice = { readonly kind: 'embedded' | 'foundries' } | { readonly kind: 'url'; readonly url: string }

/** The Foundries Factory API (docs/profile.md#factory-api). */
export const FOUNDRIES_URL = 'https://api.foundries.io'

/** Parses the name or address of a Factory API. `source` names its origin in errors. Throws ERR_USAGE. */
export function readApi(word: string, source: string): ApiChoice {
  return word === 'embedded' || word === 'foundries' ? { kind: word } : { kind: 'url', url: baseUrl(word, source) }
}

/** The address of a server without a trailing slash: HTTPS, or HTTP on this machine. Throws ERR_USAGE. */
export function baseUrl(address: string, source: string): string {
  const url = URL.canParse(address) ? new URL(address) : null
  if (url === null || !isPrivate(url)) {
    const hint = 'Use embedded, foundries, or an https:// URL; http:// is only for this machine.'
    throw new FpkiError('ERR_USAGE', `Unknown Factory API in ${source}: ${shown(address, url)}.`, hint)
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const hint = 'Use only scheme, host and path, and log in with `fpki login`.'
    throw new FpkiError('ERR_USAGE', `The address in ${source} contains credentials, a query or a fragment.`, hint)
  }
  return url.href.replace(/\/+$/, '')
}

/** Whether nobody can listen to what is sent to a server: HTTPS, or HTTP on this machine. */
export function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
}

/** The address for a message, without a password. */
function shown(address: string, url: URL | null): string {
  return address.includes('@') ? 'an address with credentials' : JSON.stringify(url?.href ?? address)
}
