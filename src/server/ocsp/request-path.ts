/** More than a request for one certificate needs; longer ones are for POST (RFC 6960, A.1.1). */
const MAX_TEXT = 4096

/**
 * The OCSPRequest (DER) in the path of a GET request: base64, or base64url, with percent-encoding where the client thought of it
 * (RFC 6960, A.1.1); null: the path has no request. Slashes may be those of base64.
 *
 * @param url the path as it was sent, with its query
 */
export function requestInPath(url: string): Uint8Array | null {
  const [path = ''] = url.split('?')
  const text = decoded(path.replace(/^\/+/, ''))
  if (text === null || text === '' || text.length > MAX_TEXT) return null
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return null
  return new Uint8Array(Buffer.from(text, 'base64'))
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
