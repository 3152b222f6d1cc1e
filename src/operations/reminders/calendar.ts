import { DAY, dateOf } from '../../day.js'
import { serialToHex } from '../../serial-hex.js'
import type { CertificateStatus, PkiStatus, PkiStatusResult } from '../audit/status-report.js'
import { remedyText } from '../certificate-roles.js'
import { harmless } from './harmless.js'
import { contentLines, textProperty } from './ics-text.js'
import { certificateName, pkiName } from './names.js'

/** The first lines of each calendar, by which fpki recognizes its own. */
export const CALENDAR_HEADER = contentLines(['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//fpki//fpki ca status//EN'])

/** Days before the end of a certificate. */
const REMINDERS = [90, 30, 7] as const

/** RFC 5545, 3.3.8. */
const MAX_INTEGER = 2_147_483_647

/** `99991231235959Z`: no expiration date is known (RFC 5280, 4.1.2.5). */
const NEVER = '9999-12-31T23:59:59Z'

/** One reminder of a calendar. */
interface Event {
  readonly uid: string
  readonly sequence: number
  readonly lines: readonly string[]
}

/**
 * A calendar (RFC 5545) with an all-day event 90, 30 and 7 days before the end of each certificate that counts, from the day of
 * the report on. The same report gives the same octets. null: there are no such days, and a calendar must not be empty.
 */
export function reminderCalendar(status: PkiStatusResult): string | null {
  const events = new Map<string, Event>()
  for (const event of status.pkis.flatMap((pki) => eventsOf(pki, status.checkedAt))) {
    const same = events.get(event.uid)
    // A PKI directory and its kit have the same certificates.
    if (same === undefined || same.sequence < event.sequence) events.set(event.uid, event)
  }
  if (events.size === 0) return null
  const lines = [...events.values()].flatMap((event) => event.lines)
  const calendar = ['CALSCALE:GREGORIAN', 'METHOD:PUBLISH', ...lines, 'END:VCALENDAR']
  return CALENDAR_HEADER + contentLines(calendar)
}

function eventsOf(pki: PkiStatus, checkedAt: string): readonly Event[] {
  const root = pki.certificates.find(({ role }) => role === 'root') ?? null
  const counting = pki.certificates.filter(
    ({ disabled, revoked, notAfter }) => !(disabled || revoked) && notAfter !== NEVER,
  )
  return counting.flatMap((certificate) =>
    REMINDERS.flatMap((days) => {
      const date = dateBefore(certificate.notAfter, days)
      if (certificate.state === 'expired' || date < dateOf(checkedAt)) return []
      const uid = `fpki-${identityOf(certificate, root)}-${days}`
      return [eventOf({ pki, certificate, uid, days, date, checkedAt })]
    }),
  )
}

/**
 * What the events of a certificate are recognized by. The events of a successor replace those of its predecessor in a calendar:
 * of a root with the same key, of the one server of a kind under it, and of a cross-certificate for the same key. Device CAs
 * have no successor.
 */
function identityOf({ role, fingerprint, publicKey }: CertificateStatus, root: CertificateStatus | null): string {
  if (role === 'root') return `${short(publicKey)}-root`
  if (root === null || role === 'online-ca' || role === 'local-ca') return short(fingerprint)
  return `${short(root.publicKey)}-${role === 'cross' ? `cross-${publicKey.slice(0, 8)}` : role}`
}

/**
 * It grows with each successor, and is the same whenever the calendar is written (RFC 5545, 3.8.7.4). A renewed root begins when
 * the earlier one did, and ends later.
 */
function sequenceOf({ role, notBefore, notAfter }: CertificateStatus): number {
  const count = role === 'root' ? Date.parse(notAfter) / DAY : Date.parse(notBefore) / 60_000
  return Math.min(MAX_INTEGER, Math.max(0, Math.floor(count)))
}

/** 128 bits are enough, and the line is not folded. */
function short(fingerprint: string): string {
  return fingerprint.slice(0, 32)
}

interface EventOptions {
  readonly pki: PkiStatus
  readonly certificate: CertificateStatus
  readonly uid: string
  readonly days: number
  readonly date: string
  readonly checkedAt: string
}

function eventOf({ pki, certificate, uid, days, date, checkedAt }: EventOptions): Event {
  const { notBefore, notAfter, subject, serial, role } = certificate
  const name = `${certificateName(certificate)} of ${pkiName(pki)}`
  const description = [
    `${name} expires on ${dateOf(notAfter)} at ${notAfter.slice(11, 16)} UTC.`,
    `Subject: ${harmless(subject)}`,
    `Serial number: ${serialToHex(BigInt(serial))}`,
    remedyText(role),
  ]
  const sequence = sequenceOf(certificate)
  const lines = [
    'BEGIN:VEVENT',
    textProperty('UID', uid),
    `DTSTAMP:${utc(checkedAt)}`,
    `LAST-MODIFIED:${utc(notBefore)}`,
    `SEQUENCE:${sequence}`,
    `DTSTART;VALUE=DATE:${date.replaceAll('-', '')}`,
    textProperty('SUMMARY', `${name} expires in ${days} days`),
    textProperty('DESCRIPTION', description.join('\n')),
    'TRANSP:TRANSPARENT',
    'END:VEVENT',
  ]
  return { uid, sequence, lines }
}

/** The day (UTC) that many days before a time. */
function dateBefore(time: string, days: number): string {
  return dateOf(new Date(Date.parse(time) - days * DAY).toISOString())
}

/** RFC 3339 as the DATE-TIME of RFC 5545. */
function utc(time: string): string {
  return time.replace(/[-:]/g, '')
}
