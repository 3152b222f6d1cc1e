import { printableLines } from '../../printable.js'
import { keyPem } from './open.js'
import type { PaperKey } from './parts.js'
import { qrSvg } from './qr.js'

/** The content of one sheet. */
export interface Sheet {
  readonly factory: string
  /** RFC 3339. */
  readonly printedAt: string
  /** SHA-256 in hex, of the root certificate and of its public key. */
  readonly certificateFingerprint: string
  readonly publicKeyFingerprint: string
  readonly protection: Protection
  /** For the QR code. Secret. */
  readonly key: PaperKey
  /** The lines of the key, to type. Secret. */
  readonly keyLines: readonly string[]
  /** The lines of the share; empty: there are no shares. Secret. */
  readonly shareLines: readonly string[]
}

/** What it takes to read the key: the sheet alone, the passphrase, or `threshold` of the sheets. */
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

/** One A4 page of HTML, without scripts or external resources. Secret. */
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
<p class="is">${escaped(summaryOf(protection))}</p>
<dl>
<dt>Printed</dt><dd>${escaped(printedAt)}</dd>
<dt>SHA-256 of factory_ca.pem</dt><dd>${escaped(grouped(certificateFingerprint))}</dd>
<dt>SHA-256 of its public key</dt><dd>${escaped(grouped(publicKeyFingerprint))}</dd>
</dl>
${codes(sheet)}
<h2>The key, ${keyLines.length} lines</h2>
<pre>${escaped(keyLines.join('\n'))}</pre>
${shareLines.length === 0 ? '' : `<h2>The share, ${shareLines.length} lines</h2>\n<pre>${escaped(shareLines.join('\n'))}</pre>\n`}<h2>How to recover the key</h2>
<ol>
${recoverySteps(protection)
  .map((step) => `<li>${step}</li>`)
  .join('\n')}
</ol>
</body>
</html>
`
}

/** `text` escaped for HTML elements and attributes; unprintable characters are shown as escapes. */
export function escaped(text: string): string {
  return printableLines(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function summaryOf(protection: Protection): string {
  switch (protection.kind) {
    case 'plain':
      return 'NOT ENCRYPTED. Anyone who reads or photographs this sheet has the key.'
    case 'passphrase':
      return 'Encrypted. Useless without the passphrase, which is not on this sheet: store that elsewhere.'
    case 'share':
      return `Sheet ${protection.number} of ${protection.count}. Any ${protection.threshold} of them recover the key; fewer reveal nothing. Store them in different places.`
  }
}

function codes({ protection, key: onPaper, shareLines }: Sheet): string {
  const key = `<figure>${qrSvg(keyPem(onPaper))}<figcaption>The key (PEM)</figcaption></figure>`
  const share = protection.kind === 'share' ? `share ${protection.number}` : ''
  const more = `<figure>${qrSvg(shareLines.join('\n'))}<figcaption>${share}</figcaption></figure>`
  return `<div class="codes">${key}${share === '' ? '' : more}</div>`
}

/** Each step as HTML. */
function recoverySteps(protection: Protection): readonly string[] {
  const lines =
    protection.kind === 'share'
      ? `the lines of the key from one sheet and the lines of the share from ${protection.threshold} sheets`
      : 'the lines above'
  return [
    `Type ${lines} into a file, or scan the QR codes into it. Case, spaces, O for 0 and I for 1 do not matter; each line ends with a checksum.`,
    `<code>fpki ca paper --restore FILE --cert factory_ca.pem --out factory_ca.key</code> names any line with a typing error, and checks the key against the certificate.`,
    WITHOUT_FPKI[protection.kind],
  ]
}

const WITHOUT_FPKI: Readonly<Record<Protection['kind'], string>> = {
  plain: 'Without fpki: the QR code contains the key as PEM, for <code>openssl pkey -in FILE</code>.',
  passphrase:
    'Without fpki: the QR code contains the key as PEM (PKCS#8, PBES2), for <code>openssl pkey -in FILE</code> and the passphrase.',
  share:
    'Without fpki: the QR code contains the key as PEM; its passphrase is split with Shamir over GF(256), as docs/ceremony.md describes.',
}

function grouped(hex: string): string {
  return (hex.match(/.{1,8}/g) ?? []).join(' ')
}
