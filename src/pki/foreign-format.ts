/** Says what octets are that should be DER or PEM and are evidently something else, a clause; null: they may be DER. */
export function foreignFormat(octets: Uint8Array): string | null {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.length)
  if (buffer.length === 0) return 'it is empty'
  if (isUtf16(buffer)) return 'it is UTF-16, as PowerShell redirects; save it as UTF-8 or ASCII'
  const text = buffer.toString('latin1').trim()
  if (text === '') return 'it has blanks only'
  if (/^MI[A-Za-z0-9+/\s]+={0,2}$/.test(text)) return 'it is base64 without the BEGIN and END lines of PEM'
  return /BEGIN (NEW )?CERTIFICATE/.test(text)
    ? 'its BEGIN line does not have the five hyphens of PEM on each side'
    : null
}

/** With a byte order mark, or beginning as the hyphens of PEM do in it. */
function isUtf16(buffer: Buffer): boolean {
  return ['fffe', 'feff', '2d00', '002d'].includes(buffer.subarray(0, 2).toString('hex'))
}
