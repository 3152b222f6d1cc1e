import { base32crockford } from '@scure/base'

/** Encodes in Crockford's base32 without padding. Its alphabet has no I, L, O or U, so misread letters can be corrected. */
export function toCrockford(octets: Uint8Array): string {
  return base32crockford.encode(Uint8Array.from(octets))
}

/** Decodes what {@link toCrockford} returns; null when `text` is not valid. */
export function fromCrockford(text: string): Uint8Array | null {
  try {
    return base32crockford.decode(text)
  } catch {
    return null
  }
}

/** Typed text in its printed form: upper case, no separators, zero for O, one for I and L. */
export function normalizeTyped(typed: string): string {
  return typed
    .toUpperCase()
    .replace(/[\s\-.:_]/g, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1')
}
