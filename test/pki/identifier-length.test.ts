import { expect, it } from 'vitest'
import { parseDer, readObjectIdentifier, TAG } from '../../src/pki/der.js'
import { der } from '../../src/pki/der-write.js'

it('refuses an OBJECT IDENTIFIER of nine megabytes at once', () => {
  const octets = Buffer.alloc(9_000_000, 0xff)
  octets[octets.length - 1] = 1
  const value = parseDer(der(TAG.objectIdentifier, octets))
  expect(() => readObjectIdentifier(value)).toThrow('is too long')
})
