import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { daysLeft, validityFrom } from '../../src/pki/validity.js'
import { output } from '../support/cli.js'
import { type Authority, newDeviceCa, newRoot, newSigner } from '../support/issue.js'
import { readCertificateFields } from './support/certificate-fields.js'
import { pem } from './support/der.js'

const SECOND = 1000
const HOUR = 3600 * SECOND
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const times = fc.date({
  min: new Date('2026-01-01T00:00:00Z'),
  max: new Date('2090-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})
const years = fc.constantFrom(10, 20)
const signer = newSigner()

describe('validityFrom', () => {
  test.each([
    ['2026-11-23T09:43:55Z', 10, '2036-11-23T09:43:55Z'],
    ['2026-11-23T09:43:55Z', 20, '2046-11-23T09:43:55Z'],
    ['2028-02-29T12:00:00Z', 20, '2048-02-29T12:00:00Z'],
    ['2028-02-29T12:00:00Z', 10, '2038-03-01T12:00:00Z'],
    ['2080-02-29T23:59:59Z', 20, '2100-03-01T23:59:59Z'],
    ['2038-02-28T00:00:00Z', 10, '2048-02-28T00:00:00Z'],
    ['2029-12-31T23:59:59Z', 20, '2049-12-31T23:59:59Z'],
    ['2030-01-01T00:00:00Z', 20, '2050-01-01T00:00:00Z'],
    ['2039-12-31T23:59:59Z', 10, '2049-12-31T23:59:59Z'],
    ['2027-01-01T00:30:00Z', 20, '2047-01-01T00:30:00Z'],
  ])('from %s for %i years ends on %s', (now, span, end) => {
    const { notBefore, notAfter, capped } = validityFrom(new Date(now), span, null)
    expect(notBefore.getTime()).toBe(Date.parse(now) - HOUR)
    expect(notAfter).toEqual(new Date(end))
    expect(capped).toBe(false)
  })

  test('starts an hour ago, in whole seconds', () => {
    fc.assert(
      fc.property(times, years, (now, span) => {
        const { notBefore, notAfter } = validityFrom(now, span, null)
        expect(now.getTime() - notBefore.getTime()).toBeGreaterThanOrEqual(HOUR)
        expect(now.getTime() - notBefore.getTime()).toBeLessThan(HOUR + SECOND)
        expect([notBefore, notAfter].map((time) => time.getTime() % SECOND)).toEqual([0, 0])
      }),
    )
  })

  test('keeps month, day and time of day, except 29 February in other years', () => {
    fc.assert(
      fc.property(times, years, (now, span) => {
        const { notAfter } = validityFrom(now, span, null)
        const year = now.getUTCFullYear() + span
        const rest = now.toISOString().slice(4).replace(/\.\d+/, '.000')
        const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
        const wanted = rest.startsWith('-02-29') && !leap ? rest.replace('-02-29', '-03-01') : rest
        expect(notAfter.toISOString()).toBe(`${year}${wanted}`)
      }),
      { examples: [[new Date('2028-02-29T00:00:00Z'), 10]] },
    )
  })

  test('never ends after its issuer, and reports the cap', () => {
    fc.assert(
      fc.property(times, years, times, (now, span, end) => {
        const issuerEnd = new Date(Math.floor(end.getTime() / SECOND) * SECOND)
        const free = validityFrom(now, span, null).notAfter
        const { notAfter, capped } = validityFrom(now, span, { notBefore: new Date(0), notAfter: issuerEnd })
        expect(notAfter).toEqual(issuerEnd < free ? issuerEnd : free)
        expect(capped).toBe(issuerEnd < free)
      }),
    )
  })

  test.each([
    ['2026-11-23T09:43:55Z', '2026-11-23T09:43:55Z'],
    ['2026-11-23T09:00:00Z', '2026-11-23T09:00:00Z'],
    ['2026-11-23T08:43:56Z', '2026-11-23T08:43:56Z'],
    ['2026-11-23T08:43:55Z', '2026-11-23T08:43:55Z'],
    ['2026-11-23T08:43:54Z', '2026-11-23T08:43:55Z'],
    ['2020-01-01T00:00:00Z', '2026-11-23T08:43:55Z'],
  ])('never starts before its issuer: %s gives %s', (issuerBegin, begin) => {
    const issuer = { notBefore: new Date(issuerBegin), notAfter: new Date('2046-11-23T09:43:55Z') }
    const { notBefore, notAfter } = validityFrom(new Date('2026-11-23T09:43:55.9Z'), 10, issuer)
    expect(notBefore).toEqual(new Date(begin))
    expect(notAfter).toEqual(new Date('2036-11-23T09:43:55Z'))
  })

  test('counts days from now', () => {
    const { notBefore, notAfter } = validityFrom(new Date('2026-11-23T00:30:00Z'), { days: 1 }, null)
    expect([notBefore, notAfter]).toEqual([new Date('2026-11-22T23:30:00Z'), new Date('2026-11-24T00:30:00Z')])
  })

  test('is not capped by an issuer with the same notAfter', () => {
    const now = new Date('2026-11-23T09:43:55.999Z')
    const until = (end: string) => ({ notBefore: new Date(0), notAfter: new Date(end) })
    expect(validityFrom(now, 10, until('2036-11-23T09:43:55Z')).capped).toBe(false)
    expect(validityFrom(now, 10, until('2036-11-23T09:43:54Z')).capped).toBe(true)
  })

  test('does not modify its argument', () => {
    const now = new Date('2026-11-23T09:43:55.123Z')
    validityFrom(now, 20, null)
    expect(now.toISOString()).toBe('2026-11-23T09:43:55.123Z')
  })
})

describe('the times in a certificate', () => {
  let current: Authority

  beforeAll(async () => {
    current = await newRoot()
  })

  test.each([
    ['2029-12-31T23:59:59Z', '291231225959Z', UTC_TIME, '491231235959Z'],
    ['2030-01-01T00:00:00Z', '291231230000Z', GENERALIZED_TIME, '20500101000000Z'],
    ['2030-06-15T12:30:45Z', '300615113045Z', GENERALIZED_TIME, '20500615123045Z'],
    ['2026-11-23T09:43:55Z', '261123084355Z', UTC_TIME, '461123094355Z'],
    ['2050-01-01T00:59:59Z', '491231235959Z', GENERALIZED_TIME, '20700101005959Z'],
  ])('of a root created on %s are %s and (tag %i) %s', async (now, begin, tag, end) => {
    const { certificate } = await newRoot({ now: new Date(now) }, signer)
    const { notBefore, notAfter } = readCertificateFields(certificate.der)
    expect([notBefore.readUInt8(0), notBefore.subarray(2).toString()]).toEqual([UTC_TIME, begin])
    expect([notAfter.readUInt8(0), notAfter.subarray(2).toString()]).toEqual([tag, end])
  })

  test('are both GeneralizedTime for a root that starts after 2049', async () => {
    const { certificate } = await newRoot({ now: new Date('2050-01-01T01:00:00Z') }, signer)
    const { notBefore, notAfter } = readCertificateFields(certificate.der)
    expect(notBefore.toString('latin1')).toBe('\x18\x0f20500101000000Z')
    expect(notAfter.toString('latin1')).toBe('\x18\x0f20700101010000Z')
  })

  test('have the type that RFC 5280 requires for each year (openssl asn1parse)', async () => {
    for (const [now, types] of [
      ['2029-12-31T23:59:59Z', ['UTCTIME:291231225959Z', 'UTCTIME:491231235959Z']],
      ['2030-01-01T00:00:00Z', ['UTCTIME:291231230000Z', 'GENERALIZEDTIME:20500101000000Z']],
    ] as const) {
      const { certificate } = await newRoot({ now: new Date(now) }, signer)
      const text = await output('openssl', ['asn1parse'], { stdin: pem('CERTIFICATE', certificate.der) })
      expect(
        [...text.matchAll(/(UTCTIME|GENERALIZEDTIME) *:(\S+)/g)].map(([, type, value]) => `${type}:${value}`),
      ).toEqual(types)
    }
  })

  test('are the requested times in OpenSSL', async () => {
    await fc.assert(
      fc.asyncProperty(times, async (now) => {
        const { certificate } = await newRoot({ now }, signer)
        const wanted = validityFrom(now, 20, null)
        expect(await opensslDates(certificate.der)).toEqual([seconds(wanted.notBefore), seconds(wanted.notAfter)])
      }),
      { numRuns: 25, examples: [[new Date('2028-02-29T23:59:59.5Z')], [new Date('2029-12-31T23:59:59.999Z')]] },
    )
  })

  test('of a late device CA end with the root, to the second', async () => {
    const { certificate } = await newDeviceCa(current, { now: new Date('2040-05-05T05:05:05Z') }, signer)
    expect(await opensslDates(certificate.der)).toEqual(['2040-05-05 04:05:05Z', '2046-11-23 09:43:55Z'])
  })

  test('of a device CA under a root that crosses 2050 are its own ten years', async () => {
    const root = await newRoot({ now: new Date('2030-11-23T09:43:55Z') })
    const { certificate } = await newDeviceCa(root, { now: new Date('2040-05-05T05:05:05Z') }, signer)
    expect(await opensslDates(certificate.der)).toEqual(['2040-05-05 04:05:05Z', '2050-05-05 05:05:05Z'])
  })
})

describe('daysLeft', () => {
  test.each([
    ['2026-11-24T00:00:00Z', 1],
    ['2026-11-23T23:59:59Z', 0],
    ['2026-11-23T00:00:00Z', 0],
    ['2026-11-22T23:59:59Z', -1],
    ['2036-11-23T00:00:00Z', 3653],
  ])('until %s are %i', (notAfter, days) => {
    expect(daysLeft(new Date(notAfter), new Date('2026-11-23T00:00:00Z'))).toBe(days)
  })
})

/** notBefore and notAfter as OpenSSL prints them. */
async function opensslDates(der: Uint8Array): Promise<readonly string[]> {
  const words = ['x509', '-noout', '-startdate', '-enddate', '-dateopt', 'iso_8601']
  const text = await output('openssl', words, { stdin: pem('CERTIFICATE', der) })
  return [...text.matchAll(/^not\w+=(.*)$/gm)].map(([, time = '']) => time)
}

function seconds(time: Date): string {
  return time.toISOString().replace('T', ' ').replace(/\.\d+/, '')
}
