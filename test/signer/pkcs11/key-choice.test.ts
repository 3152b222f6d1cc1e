import { describe, expect, test } from 'vitest'
import { newRootKeyName } from '../../../src/keystore/labels.js'
import { formatPkcs11Uri, readPkcs11Uri } from '../../../src/signer/pkcs11/uri.js'

describe('the URI of a key', () => {
  test.each([
    ["it's; a ?key", '0aff'],
    ['', '01'],
    ['root-ca', ''],
  ])('%j with the id %j is read back as it was', (object, id) => {
    const token = { label: 'acme & co', serial: '47/11' }
    const uri = formatPkcs11Uri({ token, object, id, modulePath: '/usr/lib/m;1.so' })
    expect(uri).not.toMatch(/['\s]/)
    const read = readPkcs11Uri(uri)
    expect(read).toMatchObject({ object, id, modulePath: '/usr/lib/m;1.so' })
    expect(read.token).toMatchObject(token)
  })
})

describe('a new root key', () => {
  test('gets defaults for what the URI omits', () => {
    expect(newRootKeyName({ label: null, id: null })).toEqual({ label: 'root-ca', id: '01' })
    expect(newRootKeyName({ label: 'mine', id: '07' })).toEqual({ label: 'mine', id: '07' })
  })

  test.each([
    { label: '', id: null },
    { label: null, id: '' },
  ])('is not made without a name: %j', (choice) => {
    expect(() => newRootKeyName(choice)).toThrow('specifies a new key without')
  })
})
