import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newSerialNumber } from '../../src/pki/serial.js'
import type { Random } from '../../src/ports.js'
import { serialToHex } from '../../src/serial-hex.js'
import { newRoot, newSigner } from '../support/issue.js'
import { readCertificateFields } from './support/certificate-fields.js'
import { readTlv } from './support/der.js'

const twentyOctets = fc.uint8Array({ minLength: 20, maxLength: 20 })

describe('newSerialNumber', () => {
  test('is positive and has 16 to 20 octets in a certificate, for any random octets', async () => {
    const extremes = [new Uint8Array(20), new Uint8Array(20).fill(0xff), new Uint8Array(20).fill(0x80)]
    const signer = newSigner()
    const check = async (octets: Uint8Array) => {
      const { certificate } = await newRoot({ serialNumber: newSerialNumber(always(octets)) }, signer)
      const { tag, content } = readTlv(readCertificateFields(certificate.der).serialNumber)
      expect(tag).toBe(0x02)
      expect(content.length).toBeGreaterThanOrEqual(16)
      expect(content.length).toBeLessThanOrEqual(20)
      expect(content.readUInt8(0)).toBeLessThan(0x80)
      expect(content.some((octet) => octet !== 0)).toBe(true)
    }
    for (const octets of extremes) await check(octets)
    await fc.assert(fc.asyncProperty(twentyOctets, check))
  })

  test('has no redundant leading octet in DER', () => {
    fc.assert(
      fc.property(twentyOctets, (octets) => {
        const serial = Buffer.from(newSerialNumber(always(octets)))
        const [first, second] = [serial.readUInt8(0), serial.readUInt8(1)]
        expect(first !== 0 || second >= 0x80).toBe(true)
      }),
    )
  })

  test('depends on at least 128 random bits', () => {
    fc.assert(
      fc.property(twentyOctets, (octets) => {
        const serial = hexOf(octets)
        const others = Array.from({ length: 160 }, (_, bit) => hexOf(withBitFlipped(octets, bit)))
        const changing = others.filter((other) => other !== serial)
        expect(changing.length).toBeGreaterThanOrEqual(128)
        expect(new Set(changing).size).toBe(changing.length)
      }),
    )
  })

  test('does not repeat within 20,000, and every octet takes every value', () => {
    const random: Random = { ...always(new Uint8Array()), bytes: (size) => randomBytes(size) }
    const serials = Array.from({ length: 20_000 }, () => Buffer.from(newSerialNumber(random)))
    expect(new Set(serials.map((serial) => serial.toString('hex'))).size).toBe(20_000)
    const values = Array.from(
      { length: 15 },
      (_, at) => new Set(serials.map((serial) => serial.readUInt8(at + 1))).size,
    )
    expect(values).toEqual(Array.from({ length: 15 }, () => 256))
  })

  test('does not modify the random octets', () => {
    const octets = new Uint8Array(20).fill(0xff)
    newSerialNumber(always(octets))
    expect(octets).toEqual(new Uint8Array(20).fill(0xff))
  })
})

describe('serialToHex', () => {
  test.each([
    [0n, '00'],
    [1n, '01'],
    [255n, 'FF'],
    [256n, '01:00'],
    [0xabcden, '0A:BC:DE'],
    [-1n, '-01'],
    [-4096n, '-10:00'],
    [0x40_00_00_00_00_00_00_00_00_00n, '40:00:00:00:00:00:00:00:00:00'],
  ])('%s is %s', (serial, hex) => {
    expect(serialToHex(serial)).toBe(hex)
  })

  test('formats pairs of upper-case digits without leading zeros', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 168n), max: 2n ** 168n }), (serial) => {
        const [, sign, pairs = ''] = /^(-?)(.*)$/.exec(serialToHex(serial)) ?? []
        expect(pairs).toMatch(/^[0-9A-F]{2}(:[0-9A-F]{2})*$/)
        expect(pairs === '00' || !pairs.startsWith('00')).toBe(true)
        const value = BigInt(`0x${pairs.replaceAll(':', '')}`)
        expect(sign === '-' ? -value : value).toBe(serial)
      }),
    )
  })
})

function always(octets: Uint8Array): Random {
  return {
    bytes: (size) => octets.subarray(0, size),
    ecPrivateKey: () => {
      throw new Error('a serial number needs no key')
    },
  }
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(newSerialNumber(always(octets))).toString('hex')
}

function withBitFlipped(octets: Uint8Array, bit: number): Uint8Array {
  return octets.map((octet, at) => (at === bit >> 3 ? octet ^ (0x80 >> (bit & 7)) : octet))
}
