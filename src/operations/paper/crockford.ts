import { base32crockford } from '@scure/base'

/** `octets` in Crockford's base32, without padding: no I, L, O and U, so that what is read wrongly can be put right. */
export function toCrockford(octets: Uint8Array): string {
  return base32crockford.encode(Uint8Array.from(octets))
}

/** The octets of what {@link toCrockford} gave; null when it cannot have given `text`. */
export function fromCrockford(text: string): Uint8Array | null {
  try {
    return base32crockford.decode(text)
  } catch {
    return null
  }
}

/** What somebody typed, as it was printed: capitals, without what only groups it, O for zero, I and L for one. */
export function asPrinted(typed: string): string {
  return typed
    .toUpperCase()
    .replace(/[\s\-.:_]/g, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1')
}
