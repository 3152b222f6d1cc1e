import { FpkiError } from '../errors.js'

/**
 * The labels that fpki reads and writes (RFC 7468, sections 5 to 7, 10, 11 and 13; RFC 5915, section 4; the last one is
 * specific to OpenSSL).
 */
export type PemLabel =
  | 'CERTIFICATE'
  | 'CERTIFICATE REQUEST'
  | 'NEW CERTIFICATE REQUEST'
  | 'X509 CRL'
  | 'ENCRYPTED PRIVATE KEY'
  | 'EC PRIVATE KEY'
  | 'PRIVATE KEY'
  | 'PUBLIC KEY'
  | 'TRUSTED CERTIFICATE'

/** A PEM block of a text. */
export interface PemBlock {
  readonly label: string
  /** The text between the BEGIN and END lines. */
  readonly body: string
  /** The decoded base64; null when it is invalid. */
  readonly der: Uint8Array | null
  /** Why the block cannot be decoded; null when it can. */
  readonly problem: 'it has no END line' | 'its END line has a different label' | 'its base64 is invalid' | null
}

const BEGIN = '-----BEGIN '
const END = '-----END '

/** Longer than any label in use. */
const MAX_LABEL = 40

/** One PEM block with lines of 64 characters, ending in a line feed. */
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

/** Whether `text` contains the start of a PEM block. */
export function isPem(text: string): boolean {
  return text.includes(BEGIN)
}

/**
 * The blocks of a text in order, with any line endings and any text around them (RFC 7468, section 2). Parsing stops at a
 * block without an END line.
 */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = []
  for (let at = text.indexOf(BEGIN); at !== -1; ) {
    const label = labelAt(text, at)
    const end = text.indexOf(END, at)
    const next = text.indexOf(BEGIN, at + BEGIN.length)
    if (end === -1 || (next !== -1 && next < end)) {
      return [...blocks, { label, body: '', der: null, problem: 'it has no END line' }]
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
  if (!endsWithLabel) return { label, body, der: null, problem: 'its END line has a different label' }
  const base64 = body.replace(/\s+/g, '')
  const der = Buffer.from(base64, 'base64')
  // Node skips invalid characters, so the block must be the same when encoded again.
  const isValid = base64 !== '' && der.toString('base64') === base64 && /^[ \t]*\r?\n/.test(body)
  return isValid ? { label, body, der, problem: null } : { label, body, der: null, problem: 'its base64 is invalid' }
}

/**
 * The DER of every block in `text`. All must have the label `label`, or one of several; text around the blocks is ignored, as
 * RFC 7468 allows. `what` names the text in errors. Throws ERR_BAD_FILE.
 */
export function decodePem(label: PemLabel | readonly PemLabel[], text: string, what: string): readonly Uint8Array[] {
  const labels: readonly PemLabel[] = typeof label === 'string' ? [label] : label
  const blocks = pemBlocks(text)
  if (blocks.length === 0) throw notPem(labels, what, `is not ${nounOf(labels)}: it contains no PEM block`)
  return blocks.map((block) => {
    const isMalformed = block.problem !== null && block.problem !== 'its base64 is invalid'
    if (!isMalformed && !labels.some((candidate) => candidate === block.label))
      throw notPem(labels, what, `is not ${nounOf(labels)} (found "${block.label}")`)
    if (block.der === null) throw notPem(labels, what, `contains a malformed PEM block: ${block.problem}`)
    return block.der
  })
}

/** The DER of the only block in `text`; otherwise as {@link decodePem}. */
export function decodeOnePem(label: PemLabel | readonly PemLabel[], text: string, what: string): Uint8Array {
  const [der, ...more] = decodePem(label, text, what)
  if (der === undefined || more.length > 0) {
    throw new FpkiError(
      'ERR_BAD_FILE',
      `${what} contains ${more.length + 1} PEM blocks; expected one.`,
      `Keep a single ${typeof label === 'string' ? label : label[0]} block in it, and move others (such as a chain) to another file.`,
    )
  }
  return der
}

/** Whether two PEM texts contain the same certificates in the same order; absent and empty are equal. */
export function samePem(a: string | null | undefined, b: string | null | undefined): boolean {
  const decode = (pem: string | null | undefined) => (pem ? decodePem('CERTIFICATE', pem, 'the certificate list') : [])
  const text = (pem: string | null | undefined) => decode(pem).map((der) => Buffer.from(der).toString('base64'))
  return text(a).join() === text(b).join()
}

const NOUNS: Readonly<Record<PemLabel, string>> = {
  CERTIFICATE: 'a certificate',
  'CERTIFICATE REQUEST': 'a certificate request',
  'NEW CERTIFICATE REQUEST': 'a certificate request',
  'X509 CRL': 'a CRL',
  'ENCRYPTED PRIVATE KEY': 'an encrypted private key',
  'EC PRIVATE KEY': 'a private key',
  'PRIVATE KEY': 'a private key',
  'PUBLIC KEY': 'a public key',
  'TRUSTED CERTIFICATE': 'a trusted certificate',
}

function nounOf([label = 'CERTIFICATE']: readonly PemLabel[]): string {
  return NOUNS[label]
}

function notPem([label]: readonly string[], what: string, reason: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `${what} ${reason}.`, `Expected a PEM file with a "BEGIN ${label}" line.`)
}
