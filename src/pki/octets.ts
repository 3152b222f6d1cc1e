/** Whether `a` and `b` contain the same octets. */
export function sameOctets(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && Buffer.compare(a, b) === 0
}
