import { encodeQR } from 'qr'

/** A QR code of `text` as an inline SVG, which is as wide as what it stands in. */
export function qrSvg(text: string): string {
  return encodeQR(text, 'svg', { ecc: 'medium', encoding: 'byte', border: 4 })
}
