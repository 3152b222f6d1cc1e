import ICAL from 'ical.js'
import { describe, expect, test } from 'vitest'
import { reminderCalendar } from '../../../src/operations/reminders/calendar.js'
import { certificateStatus, HOSTILE_NAMES, statusOfPki } from '../../support/status.js'

const ROOT = certificateStatus({
  ...{ role: 'root', file: 'factory_ca.pem', fingerprint: '0f'.repeat(32), publicKey: 'f0'.repeat(32) },
})

/** The events of a calendar, as an independent parser reads them. */
function eventsIn(text: string | null) {
  const calendar = new ICAL.Component(ICAL.parse(text ?? ''))
  expect(calendar.getFirstPropertyValue('version')).toBe('2.0')
  return calendar.getAllSubcomponents('vevent').map((component) => {
    expect(component.getAllSubcomponents()).toEqual([])
    const { uid, summary, description, sequence, startDate, endDate } = new ICAL.Event(component)
    expect([startDate.isDate, endDate.subtractDate(startDate).toSeconds()]).toEqual([true, 86_400])
    return { uid, summary, description, sequence, date: startDate.toString() }
  })
}

const datesIn = (text: string | null) => eventsIn(text).map(({ date }) => date)

describe('a calendar', () => {
  test('has an event 90, 30 and 7 days before the end of a certificate', () => {
    const [first, ...others] = eventsIn(reminderCalendar(statusOfPki([certificateStatus()])))
    expect(first).toMatchObject({
      date: '2027-04-01',
      summary: 'tls-crt of the factory acme expires in 90 days',
      description: [
        'tls-crt of the factory acme expires on 2027-06-30 at 12:00 UTC.',
        'Subject: CN=gateway, OU=acme',
        'Serial number: FF',
        'To replace it: fpki ca rotate-tls DIR',
      ].join('\n'),
    })
    expect(others.map(({ date }) => date)).toEqual(['2027-05-31', '2027-06-23'])
  })

  test('has only days from today on, and nothing of certificates that do not count', () => {
    const at = (checkedAt: string) => datesIn(reminderCalendar(statusOfPki([certificateStatus()], { checkedAt })))
    expect(at('2027-05-31T23:59:59Z')).toEqual(['2027-05-31', '2027-06-23'])
    expect(at('2027-06-01T00:00:00Z')).toEqual(['2027-06-23'])
    for (const changes of [
      { notAfter: '2026-12-31T00:00:00Z', state: 'expired' },
      { notAfter: '2027-01-05T00:00:00Z', state: 'expiring' },
      { notAfter: '9999-12-31T23:59:59Z' },
      { disabled: true },
      { revoked: true },
    ] as const) {
      expect(reminderCalendar(statusOfPki([certificateStatus(changes)]))).toBeNull()
    }
  })

  test('is the same for the same report, and events keep their identity the next day', () => {
    const today = reminderCalendar(statusOfPki([ROOT, certificateStatus()]))
    expect(reminderCalendar(statusOfPki([ROOT, certificateStatus()]))).toBe(today)
    const tomorrow = reminderCalendar(statusOfPki([ROOT, certificateStatus()], { checkedAt: '2027-01-02T10:00:00Z' }))
    expect(tomorrow).not.toBe(today)
    expect(eventsIn(tomorrow)).toEqual(eventsIn(today))
    expect(new Set(eventsIn(today).map(({ uid }) => uid)).size).toBe(6)
  })

  test('moves the events of a server certificate to its successor, and those of no device CA', () => {
    const ends = (changes: Parameters<typeof certificateStatus>[0]) =>
      eventsIn(reminderCalendar(statusOfPki([ROOT, certificateStatus(changes)]))).slice(3)
    const successor = {
      fingerprint: 'cd'.repeat(32),
      notBefore: '2027-01-01T09:00:00Z',
      notAfter: '2028-01-01T09:00:00Z',
    }
    const [before, after] = [ends({}), ends(successor)]
    expect(after.map(({ uid }) => uid)).toEqual(before.map(({ uid }) => uid))
    expect(after[0]?.sequence).toBeGreaterThan(before[0]?.sequence ?? 0)
    expect(after[0]?.date).toBe('2027-10-03')
    const ca = { role: 'local-ca', file: 'local-ca.pem' } as const
    expect(ends({ ...ca, ...successor })[0]?.uid).not.toBe(ends(ca)[0]?.uid)
  })

  test('moves the events of a renewed root, of its servers and of cross-certificates to the successors', () => {
    const cross = { role: 'cross', file: 'factory_ca.cross-0f0f0f0f.pem', publicKey: '0f'.repeat(32) } as const
    const ends = (certificates: Parameters<typeof statusOfPki>[0]) => {
      const events = eventsIn(reminderCalendar(statusOfPki(certificates)))
      return events.map(({ uid, sequence, date }) => ({ uid, sequence, date }))
    }
    const before = ends([ROOT, certificateStatus(), certificateStatus(cross)])
    // With the same beginning, as `ca renew-root` makes it.
    const renewedRoot = { ...ROOT, fingerprint: '0a'.repeat(32), notAfter: '2047-01-01T00:00:00Z' }
    const signedAgain = { ...cross, fingerprint: '0b'.repeat(32), notBefore: '2026-12-01T00:00:00Z' }
    const after = ends([renewedRoot, certificateStatus(), certificateStatus(signedAgain)])
    expect(after.map(({ uid }) => uid)).toEqual(before.map(({ uid }) => uid))
    expect(new Set(after.map(({ uid }) => uid)).size).toBe(9)
    const grows = after.map(({ sequence }, at) => sequence > (before[at]?.sequence ?? sequence))
    expect(grows).toEqual([true, true, true, false, false, false, true, true, true])
  })

  test('has sequence numbers that fit into the integers of iCalendar', () => {
    const late = certificateStatus({ notBefore: '9000-01-01T00:00:00Z', notAfter: '9001-01-01T00:00:00Z' })
    expect(eventsIn(reminderCalendar(statusOfPki([late])))[0]?.sequence).toBe(2 ** 31 - 1)
  })

  test('has each certificate once, though a kit has it too', () => {
    const { pkis, ...rest } = statusOfPki([ROOT])
    const twice = { ...rest, pkis: [...pkis, ...pkis.map((pki) => ({ ...pki, directory: '/srv/kit', kit: true }))] }
    expect(eventsIn(reminderCalendar(twice))).toHaveLength(3)
  })

  test.each(HOSTILE_NAMES)('has lines of at most 75 octets of whole characters, and no more, for %j', (name) => {
    const text = reminderCalendar(statusOfPki([certificateStatus({ file: name, subject: name })], { factory: name }))
    const octets = Buffer.from(text ?? '')
    for (const line of octets.toString('latin1').split('\r\n')) {
      expect(line.length).toBeLessThanOrEqual(75)
      expect(line).not.toMatch(/[\r\n]/)
      // Fatal: a folded character is not UTF-8.
      new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(line, 'latin1'))
    }
    const events = eventsIn(text)
    expect(events).toHaveLength(3)
    for (const { summary, description } of events) {
      expect(summary).toMatch(/ of the factory .* expires in \d+ days$/)
      expect(description.split('\n')).toHaveLength(4)
      expect(summary + description).not.toMatch(/[<>&@`]|\/\/|[^\n\P{Cc}]|\p{Cf}/u)
    }
  })
})
