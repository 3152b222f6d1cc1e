import { FpkiError } from '../errors.js'

/** What the PEM blocks that fpki reads and writes hold (RFC 7468, sections 5 to 7 and 11; the last is OpenSSL's own). */
export type PemLabel =
  | 'CERTIFICATE'
  | 'CERTIFICATE REQUEST'
  | 'X509 CRL'
  | 'ENCRYPTED PRIVATE KEY'
  | 'PRIVATE KEY'
  | 'TRUSTED CERTIFICATE'

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n([A-Za-z0-9+/=\s]+?)-----END \1-----/g

/** One PEM block with 64 characters a line and a line feed at its end. */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

/**
 * The DER of every block in `text`, all of which must bear `label`; text around the blocks is ignored, as RFC 7468
 * allows. `what` names the thing in errors. Throws ERR_BAD_FILE when there is no block, another one or a broken one.
 */
export function decodePem(label: PemLabel, text: string, what: string): readonly Uint8Array[] {
  const blocks = [...text.matchAll(BLOCK)]
  const begun = text.match(/-----BEGIN /g)?.length ?? 0
  if (blocks.length === 0 || blocks.length !== begun) {
    throw notPem(label, what, blocks.length === 0 ? 'holds no PEM block' : 'holds a broken PEM block')
  }
  return blocks.map(([, found, base64]) => {
    if (found !== label) throw notPem(label, what, `holds a PEM block of another kind, ${found}`)
    return decodeBase64(base64 ?? '', label, what)
  })
}

/** The DER of the only block in `text`; else as {@link decodePem}. */
export function decodeOnePem(label: PemLabel, text: string, what: string): Uint8Array {
  const [der, ...more] = decodePem(label, text, what)
  if (der === undefined || more.length > 0) {
    throw new FpkiError(
      'ERR_BAD_FILE',
      `${what} holds ${more.length + 1} PEM blocks.`,
      `It must hold one ${label} block; a chain or an earlier version goes into a file of its own.`,
    )
  }
  return der
}

/** Do two PEM texts hold the same certificates in the same order? None at all equals none. */
export function samePem(a: string | null | undefined, b: string | null | undefined): boolean {
  const ders = (pem: string | null | undefined) => (pem ? decodePem('CERTIFICATE', pem, 'the certificate list') : [])
  const text = (pem: string | null | undefined) => ders(pem).map((der) => Buffer.from(der).toString('base64'))
  return text(a).join() === text(b).join()
}

function decodeBase64(base64: string, label: PemLabel, what: string): Uint8Array {
  const compact = base64.replace(/\s/g, '')
  const der = Buffer.from(compact, 'base64')
  // Node skips what it does not understand; a block that does not come back as it was is broken.
  if (der.toString('base64') !== compact) throw notPem(label, what, 'holds a PEM block with broken base64')
  return der
}

function notPem(label: PemLabel, what: string, reason: string): FpkiError {
  return new FpkiError('ERR_BAD_FILE', `${what} ${reason}.`, `It must be a PEM file with one or more ${label} blocks.`)
}
