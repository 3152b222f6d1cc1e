/** Recognizes common non-DER input and returns what is wrong with it, as a clause; null when it may be DER. */
export function foreignFormat(octets: Uint8Array): string | null {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.length)
  if (buffer.length === 0) return 'it is empty'
  if (isUtf16(buffer)) return 'it is UTF-16 (PowerShell redirection writes that); save it as UTF-8 or ASCII'
  const text = buffer.toString('latin1').trim()
  if (text === '') return 'it contains only white space'
  if (/^MI[A-Za-z0-9+/\s]+={0,2}$/.test(text)) return 'it is base64 without the BEGIN and END lines of PEM'
  return /BEGIN (NEW )?CERTIFICATE/.test(text) ? 'its BEGIN line needs five hyphens on each side' : null
}

/** Starts with a byte order mark, or with a UTF-16 hyphen. */
function isUtf16(buffer: Buffer): boolean {
  return ['fffe', 'feff', '2d00', '002d'].includes(buffer.subarray(0, 2).toString('hex'))
}
