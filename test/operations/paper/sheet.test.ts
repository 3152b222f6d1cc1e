import { describe, expect, test } from 'vitest'
import { escaped, sheetHtml } from '../../../src/operations/paper/sheet.js'

const HOSTILE = `<script>alert(1)</script>"' onload=x & \u202Eevil\u0007`

function html(factory: string): string {
  return sheetHtml({
    factory,
    printedAt: '2026-01-01T00:00:00Z',
    certificateFingerprint: 'ab'.repeat(32),
    publicKeyFingerprint: 'cd'.repeat(32),
    protection: { kind: 'share', number: 1, threshold: 2, count: 3 },
    key: { der: new Uint8Array(250), isEncrypted: true, publicKeyDigest: null },
    keyLines: ['K01 AAAAA'],
    shareLines: ['S01-01 AAAAA'],
  })
}

describe('a sheet', () => {
  test('has no scripts and no external resources', () => {
    const text = html('acme').replaceAll('xmlns="http://www.w3.org/2000/svg"', '')
    expect(text).not.toMatch(/<(script|link|img|iframe|object|form|base)|url\(|https?:|@import|\son\w+=|src=|href=/i)
    expect(text).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`)
  })

  test('escapes a hostile factory name', () => {
    const text = html(HOSTILE)
    expect(text).not.toMatch(/<script|"' onload|\u202E|\u0007/)
    expect(text).toContain('&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39; onload=x &#38; \\u202eevil\\u0007')
    expect(escaped('a\nb')).toBe('a\nb')
  })
})
