import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { type Sheet, sheetHtml } from '../../../src/operations/paper/sheet.js'
import { escapeMarkup } from '../../../src/printable.js'

const SHARE = { kind: 'share', number: 1, threshold: 2, count: 3 } as const
const HOSTILE = `<script>alert(1)</script>"' onload=x & \u202Eevil\u0007`

function html(factory: string, protection: Sheet['protection'] = SHARE): string {
  return sheetHtml({
    factory,
    printedAt: '2026-01-01T00:00:00Z',
    certificateFingerprint: 'ab'.repeat(32),
    publicKeyFingerprint: 'cd'.repeat(32),
    protection,
    key: { der: new Uint8Array(250), isEncrypted: true, publicKeyDigest: null },
    keyLines: ['K01 AAAAA'],
    shareLines: ['S01-01 AAAAA'],
  })
}

describe('a sheet', () => {
  test.each<[string, Sheet['protection']]>([
    ['PLAIN KEY', { kind: 'plain' }],
    ['ENCRYPTED', { kind: 'passphrase' }],
    ['SHARE 1 OF 3', SHARE],
  ])('is marked %s, and has fields to fill in', (mark, protection) => {
    const text = html('acme', protection)
    expect(text.match(/(?<=<p class="mark">)[^<]*/g)).toEqual([mark])
    const codes = text.match(/<figure/g)?.length === 1 ? 'the QR code' : 'the QR codes'
    expect(text).toContain(`or scan ${codes} into it.`)
    for (const field of ['Holder', 'Witness', 'Envelope', 'Date']) expect(text).toContain(`<p>${field}</p>`)
  })

  test('names fpki as npm installs it, in one sentence for each step', async () => {
    const { name, version } = JSON.parse(await readFile('package.json', 'utf8'))
    const steps = [...html('acme').matchAll(/<li>(.*)<\/li>/g)].map(([, step = '']) => step)
    expect(steps).toContain(
      `fpki is the npm package <code>${name}@${version}</code>: keep a copy of it with the certificate.`,
    )
    // A full stop within a name is followed by a letter or a digit.
    for (const step of steps) expect(step).toMatch(/^(?:[^.]|\.(?=\S))*\.$/)
  })

  test('has no scripts and no external resources', () => {
    const text = html('acme').replaceAll('xmlns="http://www.w3.org/2000/svg"', '')
    expect(text).not.toMatch(/<(script|link|img|iframe|object|form|base)|url\(|https?:|@import|\son\w+=|src=|href=/i)
    expect(text).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
  })

  test('escapes a hostile factory name', () => {
    const text = html(HOSTILE)
    expect(text).not.toMatch(/<script|"' onload|\u202E|\u0007/)
    expect(text).toContain('&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39; onload=x &#38; \\u202eevil\\u0007')
    expect(escapeMarkup('a\nb')).toBe('a\nb')
  })
})
