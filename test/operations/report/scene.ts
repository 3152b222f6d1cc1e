import type { PkiReport } from '../../../src/operations/report/model.js'
import type { HierarchyCertificate, HierarchyLine } from '../../../src/operations/show/hierarchy.js'
import { CERTIFICATE_STATES, hierarchyOf } from '../../../src/operations/show/hierarchy.js'

/** Names that others chose to do harm. */
export const HOSTILE = {
  markup: `</title></text><script>alert(1)</script><img src=http://a.example/>&amp;"'`,
  bidi: 'abc\u202edef\u2066ghi\u200f',
  cjk: '漢字'.repeat(32),
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈😀'.repeat(8),
  wide: 'W'.repeat(64),
  ligature: '\ufdfd\u{1242b}\u2e3b'.repeat(10),
  marks: `Z${'\u0301'.repeat(60)}`,
  formula: '=HYPERLINK("http://a.example","b")',
  markdown: '[a](http://a.example) <b> `c` | @d https://a.example www.a.example _e_ $f$',
  mermaid: '"]; click c0 "javascript:alert(1)"; %%{init: {}}%% end',
  controls: 'a\u0000\u001b[31m\r\nb\u0085\ud800',
} as const

const NOW = '2026-11-27T00:00:00Z'

/** A certificate for pictures: only what a test is about has to be given. */
export function pictured(other: Partial<HierarchyCertificate> = {}): HierarchyCertificate {
  const name = other.name ?? 'local-ca.pem'
  return {
    ...{ role: 'local-ca', name, current: true, state: 'valid', subject: 'CN=fio-1, OU=acme' },
    ...{ issuer: 'CN=Factory-CA, OU=acme', serialHex: '01:02', notBefore: '2026-01-01T00:00:00Z' },
    ...{
      notAfter: '2036-01-01T00:00:00Z',
      daysLeft: 3321,
      keyType: 'EC P-256',
      signatureAlgorithm: 'ecdsa-with-SHA256',
    },
    ...{
      fingerprint: Buffer.from(`${name} ${other.subject ?? ''}`)
        .toString('hex')
        .padEnd(64, '0')
        .slice(0, 64),
    },
    signedByRoot: true,
    ...other,
  }
}

/** A line of a device register. */
export function lineOf(name: string, ca: string | null, state: HierarchyLine['state'] = 'open'): HierarchyLine {
  return { name, state, ca, devices: 1_234_567, production: 1_000_000 }
}

/** A hierarchy with these certificates below a root. */
export function hierarchyWith(certificates: readonly HierarchyCertificate[], lines: readonly HierarchyLine[] = []) {
  const root = pictured({ role: 'root', name: 'factory_ca.pem', subject: 'CN=Factory-CA, OU=acme' })
  return hierarchyOf({ factory: 'acme', at: NOW }, [root, ...certificates], lines)
}

/** Certificates in every state, with every hostile name. */
export function hostileCertificates(): readonly HierarchyCertificate[] {
  const states = CERTIFICATE_STATES
  return Object.values(HOSTILE).map((text, at) =>
    pictured({
      ...{ name: `${text}.pem`, subject: `CN=${text}, OU=${text}`, issuer: text },
      ...{ state: states[at % states.length] ?? 'valid', fingerprint: String(at).padStart(64, '0') },
    }),
  )
}

/** A report with hostile text wherever others have a say. */
export function hostile(report: PkiReport): PkiReport {
  const certificates = hostileCertificates().map((one) => ({
    ...one,
    ...{ profile: 'device CA', publicKey: one.fingerprint },
  }))
  const texts = Object.values(HOSTILE)
  const lines = certificates.map(({ name, fingerprint }) => lineOf(name, fingerprint, 'paused'))
  const token = { label: HOSTILE.markup, serial: HOSTILE.cjk, key: HOSTILE.formula }
  return {
    ...report,
    factory: HOSTILE.markup,
    keys: certificates.map(({ name }) => ({
      ...{ certificate: name, place: 'token' as const, text: `token "${name}"`, file: null, token, publicKey: null },
    })),
    certificates: [...report.certificates, ...certificates],
    findings: texts.map((message) => ({
      status: 'failure' as const,
      code: 'chain.broken',
      file: null,
      message,
      hint: message,
    })),
    lint: texts.map((file) => ({ file, severity: 'error' as const, code: 'broken', reason: file, cite: file })),
    auditLog: { lines: 1, signed: null, signature: null, unsigned: 1, problems: texts },
    devices: { devices: 9, production: 9, certificates: 9, lines, months: lines.map(({ name }) => monthOf(name)) },
  }
}

function monthOf(line: string) {
  return { line, month: '2026-11', devices: 1_234_567, production: 0 }
}
