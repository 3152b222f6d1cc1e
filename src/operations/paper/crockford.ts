/** Crockford's base32: no I, L, O and U, so that what is read wrongly can be put right. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** `octets` in base32, without padding. */
export function toCrockford(octets: Uint8Array): string {
  const bits = [...octets].map((octet) => octet.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five.padEnd(5, '0'), 2)]).join('')
}

/** The octets of what {@link toCrockford} gave; null when a letter is none of the alphabet. */
export function fromCrockford(text: string): Uint8Array | null {
  const values = [...text].map((letter) => ALPHABET.indexOf(letter))
  if (values.includes(-1)) return null
  const bits = values.map((value) => value.toString(2).padStart(5, '0')).join('')
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2))
}

/** What somebody typed, as it was printed: capitals, without what only groups it, O for zero, I and L for one. */
export function asPrinted(typed: string): string {
  return typed
    .toUpperCase()
    .replace(/[\s\-.:_]/g, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1')
}
