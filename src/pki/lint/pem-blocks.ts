/** A PEM block as it stands: its label and what its base64 says, or why it says nothing. */
export interface Block {
  readonly label: string
  readonly der: Uint8Array | null
  readonly problem: string | null
}

const BEGIN = '-----BEGIN '
const END = '-----END '

/** Is there the beginning of a PEM block in `text`? */
export function isPem(text: string): boolean {
  return text.includes(BEGIN)
}

/** The blocks of a PEM text in their order; it ends with the first one that has no end (RFC 7468, section 2). */
export function pemBlocks(text: string): readonly Block[] {
  const blocks: Block[] = []
  for (let at = text.indexOf(BEGIN); at !== -1; ) {
    const end = text.indexOf(END, at)
    const next = text.indexOf(BEGIN, at + BEGIN.length)
    if (end === -1 || (next !== -1 && next < end)) {
      return [...blocks, { label: labelAt(text, at), der: null, problem: 'it has no end' }]
    }
    blocks.push(block(text.slice(at, end), labelAt(text, at), text.startsWith(`${END}${labelAt(text, at)}-----`, end)))
    at = next
  }
  return blocks
}

function labelAt(text: string, at: number): string {
  return /^[^-\r\n]{0,40}/.exec(text.slice(at + BEGIN.length, at + BEGIN.length + 60))?.[0] ?? ''
}

function block(text: string, label: string, endsWithLabel: boolean): Block {
  if (!endsWithLabel) return { label, der: null, problem: 'its end has another label' }
  const base64 = text.slice(text.indexOf('-----', BEGIN.length) + 5).replace(/\s+/g, '')
  const der = Buffer.from(base64, 'base64')
  // Node skips what it does not understand; a block that does not come back as it was is broken.
  if (base64 === '' || der.toString('base64') !== base64) return { label, der: null, problem: 'its base64 is broken' }
  return { label, der, problem: null }
}
