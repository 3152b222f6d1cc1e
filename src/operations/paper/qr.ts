import { encodeQR } from 'qr'

/** A QR code of `text` as an inline SVG that fills the width of its parent. */
export function qrSvg(text: string): string {
  return encodeQR(text, 'svg', { ecc: 'medium', encoding: 'byte', border: 4 })
}
