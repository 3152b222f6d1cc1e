import { FpkiError } from '../errors.js'

/** What the PEM blocks that fpki reads and writes hold (RFC 7468, sections 5 to 7 and 11; the last is OpenSSL's own). */
export type PemLabel =
  | 'CERTIFICATE'
  | 'CERTIFICATE REQUEST'
  | 'NEW CERTIFICATE REQUEST'
  | 'X509 CRL'
  | 'ENCRYPTED PRIVATE KEY'
  | 'PRIVATE KEY'
  | 'TRUSTED CERTIFICATE'

/** A PEM block as it stands in a text. */
export interface PemBlock {
  readonly label: string
  /** What stands between its first and its last line. */
  readonly body: string
  /** What its base64 decodes to; null when it is broken. */
  readonly der: Uint8Array | null
  /** Why it cannot be read; null: it can. */
  readonly problem: 'it has no end' | 'its end has another label' | 'its base64 is broken' | null
}

const BEGIN = '-----BEGIN '
const END = '-----END '

/** The longest label of anybody's, and more. */
const MAX_LABEL = 40

/** One PEM block with 64 characters a line and a line feed at its end. */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')
  return pemText(label, lines)
}

/** A PEM block around lines of base64. */
export function pemText(label: string, body: string): string {
  return `${BEGIN}${label}-----\n${body.trimEnd()}\n${END}${label}-----\n`
}

/** Does a PEM block begin in `text`? */
export function isPem(text: string): boolean {
  return text.includes(BEGIN)
}

/**
 * The blocks of a text in their order, however its lines end and whatever stands around them (RFC 7468, section 2). The
 * first one without an end is the last.
 */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = []
  for (let at = text.indexOf(BEGIN); at !== -1; ) {
    const label = labelAt(text, at)
    const end = text.indexOf(END, at)
    const next = text.indexOf(BEGIN, at + BEGIN.length)
    if (end === -1 || (next !== -1 && next < end)) {
      return [...blocks, { label, body: '', der: null, problem: 'it has no end' }]
    }
    const body = text.slice(at + BEGIN.length + label.length + 5, end)
    blocks.push(pemBlock(label, body, text.startsWith(`${END}${label}-----`, end)))
    at = next
  }
  return blocks
}

function labelAt(text: string, at: number): string {
  const start = at + BEGIN.length
  return /^[^-\r\n]*/.exec(text.slice(start, start + MAX_LABEL))?.[0] ?? ''
}

function pemBlock(label: string, body: string, endsWithLabel: boolean): PemBlock {
  if (!endsWithLabel) return { label, body, der: null, problem: 'its end has another label' }
  const base64 = body.replace(/\s+/g, '')
  const der = Buffer.from(base64, 'base64')
  // Node skips what it does not understand; a block that is not the same when encoded again is broken.
  const isWhole = base64 !== '' && der.toString('base64') === base64 && /^[ \t]*\r?\n/.test(body)
  return isWhole ? { label, body, der, problem: null } : { label, body, der: null, problem: 'its base64 is broken' }
}

/**
 * The DER of every block in `text`, all of which must have `label` or one of several; text around the blocks is ignored, as
 * RFC 7468 allows. `what` names the thing in errors. Throws ERR_BAD_FILE when there is no block, another one or a broken one.
 */
export function decodePem(label: PemLabel | readonly PemLabel[], text: string, what: string): readonly Uint8Array[] {
  const labels: readonly string[] = typeof label === 'string' ? [label] : label
  const blocks = pemBlocks(text)
  if (blocks.length === 0) throw notPem(labels, what, 'holds no PEM block')
  return blocks.map(({ label: found, der, problem }) => {
    if (problem !== null && problem !== 'its base64 is broken')
      throw notPem(labels, what, `holds a broken PEM block (${problem})`)
    if (!labels.includes(found)) throw notPem(labels, what, `holds a PEM block of another kind, ${found}`)
    if (der === null) throw notPem(labels, what, 'holds a PEM block with broken base64')
    return der
  })
}

/** The DER of the only block in `text`; else as {@link decodePem}. */
export function decodeOnePem(label: PemLabel | readonly PemLabel[], text: string, what: string): Uint8Array {
  const [der, ...more] = decodePem(label, text, what)
  if (der === undefined || more.length > 0) {
    throw new FpkiError(
      'ERR_BAD_FILE',
      `${what} holds ${more.length + 1} PEM blocks.`,
      `It must hold one ${typeof label === 'string' ? label : label[0]} block; a chain or an earlier version goes into a file of its own.`,
    )
  }
  return der
}

/** Do two PEM texts hold the same certificates in the same order? None at all equals none. */
export function samePem(a: string | null | undefined, b: string | null | undefined): boolean {
  const decode = (pem: string | null | undefined) => (pem ? decodePem('CERTIFICATE', pem, 'the certificate list') : [])
  const text = (pem: string | null | undefined) => decode(pem).map((der) => Buffer.from(der).toString('base64'))
  return text(a).join() === text(b).join()
}

function notPem([label]: readonly string[], what: string, reason: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `${what} ${reason}.`, `It must be a PEM file with one or more ${label} blocks.`)
}
