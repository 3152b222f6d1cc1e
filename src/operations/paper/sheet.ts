import { printableLines } from '../../printable.js'
import { keyPem } from './open.js'
import type { PaperKey } from './parts.js'
import { qrSvg } from './qr.js'

/** What stands on one sheet. */
export interface Sheet {
  readonly factory: string
  /** RFC 3339. */
  readonly printedAt: string
  /** SHA-256 in hex, of the root certificate and of its public key. */
  readonly certificateFingerprint: string
  readonly publicKeyFingerprint: string
  /** How the key is protected. */
  readonly protection: Protection
  /** For its QR code. Secret. */
  readonly key: PaperKey
  /** The lines to be typed: those of the key. Secret. */
  readonly keyLines: readonly string[]
  /** Those of the share; none: there are no shares. Secret. */
  readonly shareLines: readonly string[]
}

/** Who can read the key: whoever has the sheet, the passphrase, or so many of the sheets. */
type Protection =
  | { readonly kind: 'plain' }
  | { readonly kind: 'passphrase' }
  | { readonly kind: 'share'; readonly number: number; readonly threshold: number; readonly count: number }

const STYLE = `
  @page { size: A4; margin: 12mm }
  * { box-sizing: border-box; margin: 0 }
  body { font: 9.5pt/1.35 sans-serif; color: #000; background: #fff; max-width: 186mm; margin: 0 auto; overflow-wrap: anywhere }
  h1 { font-size: 15pt } h2 { font-size: 11pt; margin-top: 3mm }
  .is { font-weight: bold; margin: 1mm 0 2mm }
  dl { display: grid; grid-template-columns: 48mm 1fr } dd { font: 8.5pt/1.5 monospace }
  .codes { display: flex; gap: 8mm; margin-top: 2mm } figure { width: 80mm } figcaption { text-align: center }
  svg { display: block; width: 100%; shape-rendering: crispEdges }
  pre { font: 10pt/1.3 monospace; margin-top: 1mm }
  ol { padding-left: 5mm } code { font-size: 9pt }`

/**
 * One page of A4 as HTML that asks for nothing from elsewhere and runs nothing. Secret.
 */
export function sheetHtml(sheet: Sheet): string {
  const { factory, printedAt, certificateFingerprint, publicKeyFingerprint, protection, keyLines, shareLines } = sheet
  const title = `Root key of the factory ${factory}`
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p class="is">${escaped(whatItIs(protection))}</p>
<dl>
<dt>Printed</dt><dd>${escaped(printedAt)}</dd>
<dt>SHA-256 of factory_ca.pem</dt><dd>${escaped(grouped(certificateFingerprint))}</dd>
<dt>SHA-256 of its public key</dt><dd>${escaped(grouped(publicKeyFingerprint))}</dd>
</dl>
${codes(sheet)}
<h2>The key, ${keyLines.length} lines</h2>
<pre>${escaped(keyLines.join('\n'))}</pre>
${shareLines.length === 0 ? '' : `<h2>The share, ${shareLines.length} lines</h2>\n<pre>${escaped(shareLines.join('\n'))}</pre>\n`}<h2>How to get it back</h2>
<ol>
${howBack(protection)
  .map((step) => `<li>${step}</li>`)
  .join('\n')}
</ol>
</body>
</html>
`
}

/** `text` for HTML, in elements and in attributes; what is unprintable is written out. */
export function escaped(text: string): string {
  return printableLines(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function whatItIs(protection: Protection): string {
  switch (protection.kind) {
    case 'plain':
      return 'NOT ENCRYPTED. Whoever reads or photographs this sheet has the key.'
    case 'passphrase':
      return 'Encrypted. It is of no use without the passphrase, which is not on this sheet: keep that elsewhere.'
    case 'share':
      return `Sheet ${protection.number} of ${protection.count}. Any ${protection.threshold} of them give the key back; fewer give nothing. Keep them in different places.`
  }
}

function codes({ protection, key: onPaper, shareLines }: Sheet): string {
  const key = `<figure>${qrSvg(keyPem(onPaper))}<figcaption>The key (PEM)</figcaption></figure>`
  const share = protection.kind === 'share' ? `share ${protection.number}` : ''
  const more = `<figure>${qrSvg(shareLines.join('\n'))}<figcaption>${share}</figcaption></figure>`
  return `<div class="codes">${key}${share === '' ? '' : more}</div>`
}

/** Each step as HTML. */
function howBack(protection: Protection): readonly string[] {
  const lines =
    protection.kind === 'share'
      ? `the key's lines of one sheet and the share's lines of ${protection.threshold} sheets`
      : 'the lines above'
  return [
    `Type ${lines} into a file, or scan the QR codes into it. Capitals, blanks, O or 0, I or 1 do not matter; each line ends with a checksum.`,
    `<code>fpki ca paper --restore FILE --cert factory_ca.pem --out factory_ca.key</code> names a line with a mistake, and holds the key against the certificate.`,
    WITHOUT_FPKI[protection.kind],
  ]
}

const WITHOUT_FPKI: Readonly<Record<Protection['kind'], string>> = {
  plain: 'Without fpki: the QR code is the key as PEM, which <code>openssl pkey -in FILE</code> reads.',
  passphrase:
    'Without fpki: the QR code is PEM, which <code>openssl pkey -in FILE</code> opens with the passphrase (PKCS#8, PBES2).',
  share:
    'Without fpki: the passphrase of the PEM in the QR code is shared after Shamir over GF(256); docs/ceremony.md has the format.',
}

function grouped(hex: string): string {
  return (hex.match(/.{1,8}/g) ?? []).join(' ')
}
