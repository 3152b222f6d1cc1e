import { counted } from '../../counted.js'
import { dateOf } from '../../day.js'
import { describeProof } from '../backup/age.js'
import { hierarchyOf, isOfCompany, stateText } from '../show/hierarchy.js'
import type { Block, Cell, Fact, ReportDocument, Section } from './document.js'
import { SECTION_TITLES, type SectionId } from './evidence.js'
import { findingBlocks, lintBlocks } from './finding-sections.js'
import type { PkiReport, ReportCertificate } from './model.js'
import { backupBlocks, deviceBlocks, evidenceBlocks, logBlocks } from './record-sections.js'

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
    section('summary', summary(report)),
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

const RESULTS = {
  ok: { text: 'passed', style: 'valid' },
  warning: { text: 'passed, with warnings', style: 'expiring' },
  failure: { text: 'FAILED', style: 'expired' },
} as const

/** How many certificates that are not valid the summary names. */
const MOST_NAMES = 5

function summary(report: PkiReport): readonly Block[] {
  const { factory, directory, at, version, result, certificates, backup, devices, auditLog } = report
  const current = certificates.filter((one) => one.current)
  const others = current.filter(({ state }) => state !== 'valid')
  const names = others.slice(0, MOST_NAMES).map((one) => `${one.name} (${stateText(one)})`)
  const more = others.length - names.length
  const states = [...names, ...(more === 0 ? [] : [`${more} more`])].join(', ')
  const facts: readonly Fact[] = [
    ['Factory', { text: factory ?? 'unknown' }],
    ['PKI directory', { text: directory, style: 'code' }],
    ['Time of the report', { text: at }],
    ['Written by', { text: `fpki ${version}` }],
    ['Audit', RESULTS[result]],
    ['Current certificates', { text: `${current.length}${states === '' ? ', all valid' : `; of these: ${states}`}` }],
    ['Audit log', { text: auditLog === null ? 'none' : counted(auditLog.lines, 'line') }],
    [
      'Newest backup',
      { text: backup === null ? 'none recorded' : `${backup.madeAt}, ${describeProof(backup, dateOf)}` },
    ],
    ['Devices', { text: devices === null ? 'no device register' : String(devices.devices) }],
  ]
  return [{ kind: 'facts', facts }]
}

/** Nobody reads keys for a report, so that it can say no more. */
const KEYS_SCOPE =
  'As the PKI directory has and records it. Copies elsewhere, such as backups, are not listed. No passphrase was used, and no token was opened.'

function keyTable({ keys }: PkiReport): Block {
  const rows = keys.map(({ certificate, place, file, text, publicKey }): readonly Cell[] => {
    // A copy of a key in a token, or another key in the place of the right one, is as bad as one that is not encrypted.
    const isBad = file !== null && place !== 'encrypted-file'
    return [
      { text: certificate },
      isBad ? { text, style: 'expiring' } : { text },
      { text: publicKey === null ? '' : colons(publicKey), style: 'code' },
    ]
  })
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
  const { state, subject, issuer, serialHex, notBefore, notAfter, profile, keyType } = certificate
  const unsigned = hasRoot ? 'NOT SIGNED BY THE ROOT' : 'NOT CHECKED: the root certificate is missing or unreadable'
  const isGood = certificate.signedByRoot || isOfCompany(certificate)
  const signed = certificate.signedByRoot ? 'signed by the root' : isGood ? 'signed by another CA' : unsigned
  return [
    ['State', { text: stateText(certificate), style: state }],
    ['Profile', { text: profile }],
    ['Subject', { text: subject }],
    ['Issuer', isGood ? { text: `${issuer} (${signed})` } : { text: `${issuer} (${signed})`, style: 'expired' }],
    ['Serial', { text: serialHex, style: 'code' }],
    ['Validity', { text: `${notBefore} to ${notAfter}` }],
    ['Key', { text: `${keyType}, signature ${certificate.signatureAlgorithm}` }],
    ['SHA-256', { text: colons(certificate.fingerprint), style: 'code' }],
  ]
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
  return [{ kind: 'text', text: `None: the ${count} current certificates match their profiles (docs/profile.md).` }]
}
