import { counted } from '../../../counted.js'
import { dateOf } from '../../../day.js'
import { ROLE_NAMES } from '../../../operations/certificate-roles.js'
import { type CertificateState, isUnverified, stateText } from '../../../operations/show/hierarchy.js'
import type { ShownCertificate, ShowPkiResult } from '../../../operations/show/show-pki.js'
import { decimalToHex } from '../../../serial-hex.js'
import { WARN_DAYS } from '../../options.js'
import { type Io, printable, style } from '../../output.js'

/** What a certificate of each role is. */
const PURPOSES: Readonly<Record<ShownCertificate['role'], string>> = {
  root: 'root of trust',
  cross: 'for another root',
  tls: 'server certificate of the device gateway',
  'est-tls': 'server certificate of the EST server',
  'online-ca': 'device CA for devices that register online',
  'local-ca': 'device CA for manufacturing',
}

/** A PKI as text: the hierarchy as a tree, then every certificate. */
export function pretty(pki: ShowPkiResult, io: Io): string {
  const { factory, api, root, changeMeta } = pki
  const below = belowRoot(pki)
  const lines = [
    `Factory ${printable(factory)} (Factory API: ${printable(api)})`,
    printable(
      `Created ${changeMeta.createdAt} by ${changeMeta.createdBy}, updated ${changeMeta.updatedAt} by ${changeMeta.updatedBy}`,
    ),
    '',
    ...tree(root, below, io),
    '',
    ...[root, ...below].map((certificate) => prettyCertificate(certificate, io)),
    ...disabledSerials(pki),
  ]
  return lines.join('\n')
}

/** Five lines for each certificate: what it is, subject, serial number, validity and fingerprint. */
export function short(pki: ShowPkiResult, io: Io): string {
  return [pki.root, ...belowRoot(pki)].map((certificate) => shortCertificate(certificate, io)).join('')
}

function belowRoot({ tls, estTls, deviceCas, refusedCas }: ShowPkiResult): readonly ShownCertificate[] {
  return [tls, estTls, ...deviceCas, ...refusedCas].filter((certificate) => certificate !== null)
}

function shortCertificate(certificate: ShownCertificate, io: Io): string {
  const { subject, serialHex, notBefore, notAfter, fingerprint } = certificate
  const title = style(io, 'bold', titleOf(certificate), 'stdout')
  const dates = `${dateOf(notBefore)} to ${dateOf(notAfter)}, ${remaining(certificate, io)}`
  const rows = [
    ['Subject', printable(subject)],
    ['Serial', serialHex],
    ['Valid', dates],
    ['SHA-256', fingerprint],
  ] as const
  return `${[`${title}${mark(certificate, io)}`, ...rows.map(([name, value]) => `  ${name.padEnd(9)}${value}`)].join('\n')}\n`
}

/** One certificate as text, with its role as heading. */
export function prettyCertificate(certificate: ShownCertificate, io: Io): string {
  return [style(io, 'bold', titleOf(certificate), 'stdout'), ...fields(certificate, io), ''].join('\n')
}

function tree(root: ShownCertificate, below: readonly ShownCertificate[], io: Io): readonly string[] {
  const branch = (index: number) => (index === below.length - 1 ? '└── ' : '├── ')
  const width = Math.max(...[root, ...below].map(({ subject }) => printable(subject).length))
  const names = Math.max(17, ...below.map((certificate) => nameOf(certificate).length + 6))
  const leaf = (lead: string, certificate: ShownCertificate) => {
    return `${(lead + nameOf(certificate)).padEnd(names)}${printable(certificate.subject).padEnd(width)}  ${remaining(certificate, io)}${mark(certificate, io)}`
  }
  return [leaf('', root), ...below.map((certificate, index) => leaf(branch(index), certificate))]
}

/** There may be several local CAs of one subject: their files tell them apart. */
function nameOf({ role, file }: ShownCertificate): string {
  return role === 'local-ca' && file !== null && file !== 'local-ca.pem' ? printable(file) : ROLE_NAMES[role]
}

function titleOf(certificate: ShownCertificate): string {
  const { role } = certificate
  return [...new Set([nameOf(certificate), ROLE_NAMES[role], PURPOSES[role]])].join(', ')
}

function isDeviceCa({ role }: ShownCertificate): boolean {
  return role === 'online-ca' || role === 'local-ca'
}

/** As in pictures, of which it has only what is not a matter of time; null: none of these. */
function stateOf(certificate: ShownCertificate): CertificateState | null {
  if (certificate.revoked) return 'revoked'
  if (isUnverified(certificate)) return 'unverified'
  return certificate.disabled ? 'disabled' : null
}

/** The state after two spaces, in colour on a terminal; nothing for a certificate in use. */
function mark(certificate: ShownCertificate, io: Io): string {
  const state = stateOf(certificate)
  if (state === null) return ''
  return `  ${style(io, state === 'disabled' ? 'yellow' : 'red', stateText({ ...certificate, state }), 'stdout')}`
}

function stateRow(certificate: ShownCertificate, io: Io): string {
  const { disabled, revoked } = certificate
  return `${mark(certificate, io).trim()}${disabled || revoked ? ': the gateway refuses its devices' : ''}`
}

function fields(certificate: ShownCertificate, io: Io): readonly string[] {
  const { subjectEncodings, pathLenConstraint } = certificate
  const pathLen = pathLenConstraint === null ? '' : `, path length ${pathLenConstraint}`
  const rows: readonly (readonly [string, string])[] = [
    ['State', stateRow(certificate, io)],
    ['Subject', `${printable(certificate.subject)}  (${[...new Set(subjectEncodings)].join(', ')})`],
    ['Issuer', `${printable(certificate.issuer)}  (${signatureState(certificate, io)})`],
    ['Serial', certificate.serialHex],
    // For fioctl's --ca-serial.
    ['', isDeviceCa(certificate) ? `${certificate.serial} (decimal)` : ''],
    ['Valid from', certificate.notBefore],
    ['Valid until', `${certificate.notAfter}  (${remaining(certificate, io)})`],
    ['Key', certificate.keyType],
    ['Signature', certificate.signatureAlgorithm],
    ['CA', certificate.ca ? `yes${pathLen}` : 'no'],
    ['Key usage', certificate.keyUsage.join(', ')],
    ['Extended key usage', certificate.extKeyUsage.join(', ')],
    ['Alternative names', printable(certificate.subjectAltNames.join(', '))],
    ['Subject key ID', colons(certificate.subjectKeyIdentifier)],
    ['Authority key ID', colons(certificate.authorityKeyIdentifier)],
    ['SHA-256', colons(certificate.fingerprint)],
  ]
  return rows.filter(([, value]) => value !== '').map(([name, value]) => `  ${name.padEnd(20)}${value}`)
}

/** A root signed by another CA is a trust anchor; its issuer is unknown here. */
function signatureState(certificate: ShownCertificate, io: Io): string {
  if (isUnverified(certificate)) return style(io, 'red', 'NOT SIGNED BY THE ROOT', 'stdout')
  return certificate.signedByRoot ? 'signature verified' : 'trust anchor, not verified'
}

function disabledSerials({ disabledCaSerials }: ShowPkiResult): readonly string[] {
  if (disabledCaSerials.length === 0) return []
  return [
    'Serials of disabled device CAs',
    ...disabledCaSerials.map((serial) => `  ${printable(decimalToHex(serial))}`),
    '',
  ]
}

function remaining({ daysLeft, notAfter }: ShownCertificate, io: Io): string {
  if (daysLeft < 0) return style(io, 'red', `EXPIRED on ${dateOf(notAfter)}`, 'stdout')
  const left = `${counted(daysLeft, 'day')} left`
  return daysLeft < WARN_DAYS ? style(io, 'yellow', left, 'stdout') : left
}

function colons(hex: string | null): string {
  return (hex?.match(/../g) ?? []).join(':')
}
