import { describe, expect, test } from 'vitest'
import { parseHsmOptions } from '../../../src/keystore/hsm-words.js'
import { readPkcs11Uri } from '../../../src/signer/pkcs11/uri.js'

describe('a PKCS#11 URI', () => {
  test('contains token, key, module and the source of the PIN', () => {
    const uri = 'pkcs11:token=The%20Software%20PKCS%2311%20softtoken;serial=4711;object=root-ca;id=%01%FF;type=private'
    const query = '?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:///run/pin&x-vendor=1'
    expect(readPkcs11Uri(`${uri}${query}`)).toEqual({
      token: { label: 'The Software PKCS#11 softtoken', serial: '4711', model: null, manufacturer: null, slotId: null },
      object: 'root-ca',
      id: '01ff',
      modulePath: '/usr/lib/softhsm/libsofthsm2.so',
      moduleName: null,
      pinFile: '/run/pin',
      pinValue: null,
    })
  })

  test.each([
    ['pkcs11:?pin-source=/run/pin', '/run/pin'],
    ['pkcs11:?pin-source=file:/run/pin', '/run/pin'],
    ['pkcs11:?pin-source=file://localhost/run/pin', '/run/pin'],
  ])('%s', (uri, path) => expect(readPkcs11Uri(uri).pinFile).toBe(path))

  test('may contain "/" and "?" in the query, and empty values (RFC 7512, 2.3 and 2.6)', () => {
    const uri = readPkcs11Uri('pkcs11:object=;id=?module-path=/m.so&pin-value=wh?t/4711')
    expect(uri).toMatchObject({ object: '', id: '', modulePath: '/m.so', pinValue: 'wh?t/4711' })
  })

  test.each([
    ['http://example.com', 'does not start'],
    ['pkcs11:token=a;token=b', 'duplicate attribute token'],
    ['pkcs11:token', 'name=value'],
    ['pkcs11:token=%4', 'two hex digits'],
    ['pkcs11:colour=red', 'unknown attribute colour'],
    ['pkcs11:type=cert', 'not "private"'],
    ['pkcs11:slot-id=one', 'not a number'],
    ['pkcs11:token=a?pin-source=|cat', 'pin-source commands are not supported'],
    ['pkcs11:token=a?pin-source=pin.txt', 'not an absolute path'],
    ['pkcs11:module-path=/m.so;token=a?pin-value=73915204', 'module-path belongs in the query, after the "?"'],
    ['pkcs11:pin-value=73915204', 'pin-value belongs in the query'],
    ['pkcs11:token=a?module-path=/m.so&object=73915204', 'object belongs in the path, before the "?"'],
    ['pkcs11:token=a?module-path=/m.so?pin-value=73915204', 'must be separated by "&"'],
    ['pkcs11:token=a?module-path=/m.so;pin-value=73915204', 'must be separated by "&"'],
  ])('%s is refused, without a value in the message', (uri, reason) => {
    const read = () => readPkcs11Uri(uri)
    expect(read).toThrow(reason)
    expect(read).not.toThrow('73915204')
  })
})

describe('options together with a URI', () => {
  const MODULE = '/usr/lib/m.so'

  test('an option overrides the URI', () => {
    const { hsm } = parseHsmOptions({ tokenLabel: 'b', uri: `pkcs11:token=a;serial=1?module-path=${MODULE}` })
    expect(hsm).toMatchObject({
      module: MODULE,
      token: { label: 'b', serial: '1' },
      key: { label: null, id: null },
    })
  })

  test('no token without any option', () => {
    expect(parseHsmOptions({}).hsm).toBeNull()
    expect(parseHsmOptions({ uri: 'pkcs11:?pin-source=/run/pin' })).toEqual({
      hsm: null,
      module: null,
      uriPin: { file: '/run/pin', value: null },
    })
  })

  test('a module alone selects no token: the PKI directory may record it', () => {
    const { hsm, module } = parseHsmOptions({ module: MODULE, initArgs: 'x' })
    expect({ hsm, module }).toEqual({ hsm: null, module: { module: MODULE, initArgs: 'x' } })
  })

  test.each([
    [{ tokenLabel: 'a' }, 'No PKCS#11 module given'],
    [{ module: 'lib/m.so', tokenLabel: 'a' }, 'relative path'],
    [{ uri: 'pkcs11:token=a?module-name=nowhere-to-be-found' }, 'No PKCS#11 module named'],
  ])('%j is refused', (words, reason) => expect(() => parseHsmOptions(words)).toThrow(reason))

  test('module-name matches a library without its prefix and suffix', () => {
    const { hsm } = parseHsmOptions({ uri: 'pkcs11:token=a?module-name=softhsm2' })
    expect(hsm?.module).toMatch(/\/libsofthsm2\.so$/)
  })
})
