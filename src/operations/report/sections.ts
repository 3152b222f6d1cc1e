import { hierarchyOf, isUnverified, stateText } from '../show/hierarchy.js'
import type { Block, Cell, Fact, ReportDocument, Section } from './document.js'
import { SECTION_TITLES, type SectionId } from './evidence.js'
import { findingBlocks, lintBlocks } from './finding-sections.js'
import type { PkiReport, ReportCertificate } from './model.js'
import { backupBlocks, deviceBlocks, evidenceBlocks, logBlocks } from './record-sections.js'
import { keyCell, summaryBlocks } from './summary-section.js'

/** A report as a document. */
export function documentOf(report: PkiReport): ReportDocument {
  return { title: titleOf(report), sections: sectionsOf(report) }
}

function titleOf({ factory, kit }: PkiReport): string {
  return `Report on the ${kit ? 'kit' : 'PKI'} of the factory ${factory ?? 'unknown'}`
}

function sectionsOf(report: PkiReport): readonly Section[] {
  const section = (id: SectionId, blocks: readonly Block[]): Section => ({ id, title: SECTION_TITLES[id], blocks })
  const current = report.certificates.filter((one) => one.current)
  const hierarchy = hierarchyOf(
    { factory: report.factory ?? 'unknown', at: report.at },
    report.certificates,
    report.devices?.lines ?? [],
  )
  return [
    section('summary', summaryBlocks(report)),
    section('hierarchy', [{ kind: 'picture', hierarchy }]),
    section('keys', [{ kind: 'text', text: KEYS_SCOPE }, keyTable(report)]),
    section('validity', [{ kind: 'timeline', at: report.at, rows: current }]),
    section('certificates', certificateBlocks(report)),
    section('findings', findingBlocks(report)),
    section('lint', lintBlocks(report)),
    section('deviations', deviations(report)),
    section('log', logBlocks(report)),
    section('backup', backupBlocks(report)),
    section('devices', deviceBlocks(report)),
    section('evidence', evidenceBlocks(report)),
  ]
}

/** Nobody reads keys for a report, so that it can say no more. */
const KEYS_SCOPE =
  'According to the files and records of the PKI directory. Copies elsewhere, such as backups, are not listed. No passphrase was used, and no token was opened.'

function keyTable({ keys }: PkiReport): Block {
  const rows = keys.map((key): readonly Cell[] => [
    { text: key.certificate },
    keyCell(key),
    { text: key.publicKey === null ? '' : colons(key.publicKey), style: 'code' },
  ])
  return { kind: 'table', columns: ['Key of', 'Where it is, or who holds it', 'SHA-256 of the public key'], rows }
}

function certificateBlocks({ certificates }: PkiReport): readonly Block[] {
  if (certificates.length === 0) return [{ kind: 'text', text: 'No certificate can be read.' }]
  const hasRoot = certificates.some(({ role, current }) => role === 'root' && current)
  return certificates.map((certificate) => ({
    kind: 'record',
    title: titleOfCertificate(certificate),
    facts: factsOf(certificate, hasRoot),
  }))
}

function titleOfCertificate({ name, current }: ReportCertificate): Cell {
  return { text: current ? name : `${name} (earlier)` }
}

function factsOf(certificate: ReportCertificate, hasRoot: boolean): readonly Fact[] {
  const { state, subject, serialHex, notBefore, notAfter, profile, keyType } = certificate
  return [
    ['State', { text: stateText(certificate), style: state }],
    ['Profile', { text: profile }],
    ['Subject', { text: subject }],
    ['Issuer', issuerCell(certificate, hasRoot)],
    ['Serial', { text: serialHex, style: 'code' }],
    ['Valid from', { text: notBefore }],
    ['Valid until', { text: notAfter }],
    ['Key', { text: `${keyType}, signature ${certificate.signatureAlgorithm}` }],
    ['SHA-256', { text: colons(certificate.fingerprint), style: 'code' }],
  ]
}

function issuerCell(certificate: ReportCertificate, hasRoot: boolean): Cell {
  const { role, issuer, signedByRoot } = certificate
  if (isUnverified(certificate)) {
    const why = hasRoot ? 'NOT SIGNED BY THE ROOT' : 'NOT CHECKED: the root certificate is missing or unreadable'
    return { text: `${issuer} (${why})`, style: 'unverified' }
  }
  if (!signedByRoot) return { text: `${issuer} (signed by another CA, not examined: the root is the trust anchor)` }
  return { text: `${issuer} (${role === 'root' ? 'self-signed' : 'signed by the root'})` }
}

/** As OpenSSL prints fingerprints. */
function colons(hex: string): string {
  return (hex.match(/../g) ?? []).join(':').toUpperCase()
}

function deviations({ findings, certificates }: PkiReport): readonly Block[] {
  const own = findings.filter(({ code }) => /^profile\./.test(code))
  if (own.length > 0)
    return [
      {
        kind: 'table',
        columns: ['Code', 'Deviation'],
        rows: own.map(({ code, message }) => [{ text: code }, { text: message }]),
      },
    ]
  const count = certificates.filter((one) => one.current).length
  if (count === 0) return [{ kind: 'text', text: 'No certificate can be read.' }]
  return [
    {
      kind: 'text',
      text: `None: the ${count} current certificates match their profiles, which docs/profile.md of fpki describes.`,
    },
  ]
}
