import { encodeQR } from 'qr'
import { escapeMarkup } from '../../printable.js'
import { VERSION } from '../../version.js'
import { keyPem } from './open-paper.js'
import type { PaperKey } from './parts.js'

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
  body { font: 9.5pt/1.35 sans-serif; color: #000; background: #fff; overflow-wrap: anywhere;
    display: flex; flex-direction: column; justify-content: space-between; gap: 3mm }
  @media screen { html { background: #ccc } body { width: 210mm; min-height: 297mm; padding: 12mm; margin: 8mm auto } }
  @media print { body { min-height: 270mm } }
  header { display: flex; justify-content: space-between; align-items: flex-start; gap: 6mm }
  h1 { font-size: 15pt } h2 { font-size: 11pt }
  .mark { flex: none; font: bold 15pt/1 sans-serif; padding: 2mm 4mm; border: 1mm solid #000 }
  dl { display: grid; grid-template-columns: 48mm 1fr } dd { font: 8.5pt/1.5 monospace }
  .codes { display: flex; gap: 6mm; align-items: flex-start } figcaption { text-align: center; font-size: 8.5pt }
  .key { width: 80mm } .share { width: 46mm }
  svg { display: block; width: 100%; shape-rendering: crispEdges }
  .fields { flex: 1; align-self: stretch; display: grid; grid-auto-rows: 1fr }
  .fields p { font-size: 8.5pt; border-bottom: .3mm solid #000 }
  pre { font-family: monospace; margin-top: 1mm } pre + h2 { margin-top: 2mm }
  .few pre { font-size: 14pt; line-height: 1.9 } .some pre { font-size: 13pt; line-height: 1.4 }
  .many { gap: 1.5mm } .many pre { font-size: 11pt; line-height: 1.2 } .many h1 { font-size: 11pt } .many .key { width: 70mm }
  ol { padding-left: 5mm } code { font-size: 9pt }`

/** For a person to fill in. */
const FIELDS = ['Holder', 'Witness', 'Envelope', 'Date']

/** One A4 page of HTML, without scripts or external resources. Secret. */
export function sheetHtml(sheet: Sheet): string {
  const { factory, printedAt, certificateFingerprint, publicKeyFingerprint, protection, keyLines, shareLines } = sheet
  const title = `Root key of the factory ${factory}`
  const { mark, meaning } = secrecyOf(protection)
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}
</style>
</head>
<body class="${sizeOf(keyLines.length + shareLines.length)}">
<header><div><h1>${escapeMarkup(title)}</h1>
<p>${escapeMarkup(meaning)}</p></div>
<p class="mark">${escapeMarkup(mark)}</p></header>
<dl>
<dt>Printed</dt><dd>${escapeMarkup(printedAt)} by fpki ${VERSION}</dd>
<dt>SHA-256 of factory_ca.pem</dt><dd>${escapeMarkup(grouped(certificateFingerprint))}</dd>
<dt>SHA-256 of its public key</dt><dd>${escapeMarkup(grouped(publicKeyFingerprint))}</dd>
</dl>
<div class="codes">${codes(sheet)}
<div class="fields">${FIELDS.map((name) => `<p>${name}</p>`).join('')}</div></div>
<section>
${lines('The key', keyLines)}${shareLines.length === 0 ? '' : lines('The share', shareLines)}</section>
<section>
<h2>How to recover the key</h2>
<ol>
${recoverySteps(protection)
  .map((step) => `<li>${step}</li>`)
  .join('\n')}
</ol>
</section>
</body>
</html>
`
}

/** As large as fits on the page: a P-521 key with a share has most lines. */
function sizeOf(count: number): 'few' | 'some' | 'many' {
  if (count <= 8) return 'few'
  return count <= 14 ? 'some' : 'many'
}

function lines(title: string, text: readonly string[]): string {
  return `<h2>${title}, ${text.length} lines</h2>\n<pre>${escapeMarkup(text.join('\n'))}</pre>\n`
}

/** The mark that tells sheets apart at a glance, and what it means. */
function secrecyOf(protection: Protection): { readonly mark: string; readonly meaning: string } {
  switch (protection.kind) {
    case 'plain':
      return { mark: 'PLAIN KEY', meaning: 'Not encrypted: anyone who reads or photographs this sheet has the key.' }
    case 'passphrase':
      return { mark: 'ENCRYPTED', meaning: 'Useless without its passphrase, which is stored elsewhere.' }
    case 'share': {
      const { number, threshold, count } = protection
      const meaning = `Any ${threshold} of the ${count} sheets recover the key, and fewer reveal nothing: store them in different places.`
      return { mark: `SHARE ${number} OF ${count}`, meaning }
    }
  }
}

/** An inline SVG that fills the width of its parent. */
const QR = { ecc: 'medium', encoding: 'byte', border: 4 } as const

function codes({ protection, key: onPaper, shareLines }: Sheet): string {
  const code = (name: string, text: string, caption: string) =>
    `<figure class="${name}">${encodeQR(text, 'svg', QR)}<figcaption>${caption}</figcaption></figure>`
  const key = code('key', keyPem(onPaper), 'The key (PEM)')
  return protection.kind === 'share'
    ? `${key}${code('share', shareLines.join('\n'), `Share ${protection.number}`)}`
    : key
}

/** Each step as HTML. */
function recoverySteps(protection: Protection): readonly string[] {
  const isShare = protection.kind === 'share'
  const typed = isShare
    ? `the lines of the key from one sheet and the lines of the share from ${protection.threshold} sheets`
    : 'the lines above'
  return [
    `Type ${typed} into a file, or scan the QR code${isShare ? 's' : ''} into it.`,
    'Case, spaces, O for 0 and I for 1 do not matter, and each line ends with a checksum.',
    `<code>fpki ca paper --restore FILE --cert factory_ca.pem --out factory_ca.key</code> names each line with a typing error, and checks the key against the certificate.`,
    `fpki is the npm package <code>fpki@${VERSION}</code>: keep a copy of it with the certificate.`,
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

/** The digits as OpenSSL prints them, for comparing. */
function grouped(hex: string): string {
  return (hex.toUpperCase().match(/.{1,8}/g) ?? []).join(' ')
}
