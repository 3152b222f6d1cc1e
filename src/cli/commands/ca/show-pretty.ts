import { counted } from '../../../counted.js'
import { dateOf } from '../../../day.js'
import { thisMachine } from '../../../machine/index.js'
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
  const { factory, api, root, deviceCas, changeMeta } = pki
  const below = belowRoot(pki)
  const lines = [
    `Factory ${printable(factory)} (Factory API: ${printable(api)})`,
    printable(
      `Created ${changeMeta.createdAt} by ${changeMeta.createdBy}, updated ${changeMeta.updatedAt} by ${changeMeta.updatedBy}`,
    ),
    '',
    ...tree(root, below, io),
    '',
    ...[root, ...below].map((certificate) => prettyCertificate(certificate, io, deviceCas.includes(certificate))),
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

/** One certificate as text, with its role as heading. `isAccepted`: the Factory API lists it as a device CA. */
export function prettyCertificate(certificate: ShownCertificate, io: Io, isAccepted = false): string {
  const state = ['State', stateRow(certificate, io, isAccepted)] as const
  return [style(io, 'bold', titleOf(certificate), 'stdout'), ...fields(certificate, state, io), ''].join('\n')
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

/** There may be several local CAs of one subject: their files tell them apart, also from one without a file. */
function nameOf({ role, file }: ShownCertificate): string {
  return role === 'local-ca' && file !== null ? printable(file) : ROLE_NAMES[role]
}

function titleOf(certificate: ShownCertificate): string {
  const { role } = certificate
  return [...new Set([nameOf(certificate), ROLE_NAMES[role], PURPOSES[role]])].join(', ')
}

function isDeviceCa({ role }: ShownCertificate): boolean {
  return role === 'online-ca' || role === 'local-ca'
}

/** As in pictures, except for what {@link remaining} says; null: none of these. */
function stateOf(certificate: ShownCertificate, io: Io): CertificateState | null {
  if (certificate.revoked) return 'revoked'
  if (isUnverified(certificate)) return 'unverified'
  if (certificate.disabled) return 'disabled'
  const now = thisMachine(io.machine).clock()
  return now.getTime() < Date.parse(certificate.notBefore) ? 'not-yet-valid' : null
}

/** The state after two spaces, in colour on a terminal; nothing for a certificate in use. */
function mark(certificate: ShownCertificate, io: Io): string {
  const state = stateOf(certificate, io)
  if (state === null) return ''
  return `  ${style(io, state === 'disabled' ? 'yellow' : 'red', stateText({ ...certificate, state }), 'stdout')}`
}

function stateRow(certificate: ShownCertificate, io: Io, isAccepted: boolean): string {
  const { disabled, revoked } = certificate
  const state = mark(certificate, io).trim()
  // The directory has recorded a revocation that the Factory API does not have.
  if (revoked && isAccepted && !disabled) return `${state}, but the Factory API accepts its devices`
  return `${state}${disabled || revoked ? ': the gateway refuses its devices' : ''}`
}

function fields(certificate: ShownCertificate, state: readonly [string, string], io: Io): readonly string[] {
  const { subjectEncodings, pathLenConstraint } = certificate
  const pathLen = pathLenConstraint === null ? '' : `, path length ${pathLenConstraint}`
  const rows: readonly (readonly [string, string])[] = [
    state,
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

/** The time that is left; in the words of pictures when it is over or nearly so. */
function remaining(certificate: ShownCertificate, io: Io): string {
  const { daysLeft } = certificate
  if (daysLeft < 0) return style(io, 'red', stateText({ ...certificate, state: 'expired' }), 'stdout')
  if (daysLeft < WARN_DAYS) return style(io, 'yellow', stateText({ ...certificate, state: 'expiring' }), 'stdout')
  return `${counted(daysLeft, 'day')} left`
}

function colons(hex: string | null): string {
  return (hex?.match(/../g) ?? []).join(':')
}
