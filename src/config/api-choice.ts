import { FpkiError } from '../errors.js'

/** Which Factory API is meant; `url` has no slash at its end. */
export type ApiChoice = { readonly kind: 'embedded' | 'foundries' } | { readonly kind: 'url'; readonly url: string }

/** Where Foundries has its own (docs/profile.md#factory-api). */
export const FOUNDRIES_URL = 'https://api.foundries.io'

/** Reads the word for a Factory API. `source` says where it stands. Throws ERR_USAGE. */
export function readApi(word: string, source: string): ApiChoice {
  return word === 'embedded' || word === 'foundries' ? { kind: word } : { kind: 'url', url: baseUrl(word, source) }
}

/** The address of a server without a slash at its end: HTTPS, or HTTP on this machine. Throws ERR_USAGE. */
export function baseUrl(address: string, source: string): string {
  const url = URL.canParse(address) ? new URL(address) : null
  const isLocal = url !== null && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLocal))) {
    const hint = 'Say embedded, foundries, or https://host[:port]; http:// is for this machine only.'
    throw new FpkiError('ERR_USAGE', `The Factory API of ${source} is none: ${shown(address, url)}.`, hint)
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const hint = 'Log in with `fpki login`.'
    throw new FpkiError('ERR_USAGE', `The address of ${source} holds more than host and path.`, hint)
  }
  return url.href.replace(/\/+$/, '')
}

/** A password in an address is not told. */
function shown(address: string, url: URL | null): string {
  return address.includes('@') ? `an address with a name in it` : JSON.stringify(url?.href ?? address)
}
