import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readRegistrationRequest } from '../../../src/operations/registration/request.js'

const recorded = await readFile(new URL('../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')
const BODIES: readonly string[] = recorded
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line).request)
  .filter(({ method }) => method === 'POST')
  .map(({ body }) => body)

const BODY = { csr: '-----BEGIN CERTIFICATE REQUEST-----\n' }
const read = (members: object) => readRegistrationRequest({ ...BODY, ...members })

describe('the request of a device', () => {
  test.each(BODIES)('is read as lmp-device-register sends it', (body) => {
    const { csr, name, uuid, group = null, overrides, ...others } = JSON.parse(body)
    expect(readRegistrationRequest(JSON.parse(body))).toEqual({
      request: {
        ...{ csr, name, uuid, group, overrides, usesOstree: true },
        ...{ hardwareId: others['hardware-id'], configDirectory: others['sota-config-dir'] },
      },
    })
  })

  test('needs nothing but the CSR; what is empty is absent, and unknown members are ignored', () => {
    const absent = { uuid: null, name: null, hardwareId: null, group: null }
    const request = { ...BODY, ...absent, usesOstree: false, configDirectory: '/var/sota', overrides: {} }
    expect(read({})).toEqual({ request })
    expect(read({ uuid: '', name: ' ', group: null, overrides: null, surprise: [1], 'use-ostree-server': '' })).toEqual(
      {
        request,
      },
    )
  })

  test.each([
    [true, true],
    ['true', true],
    [false, false],
    ['false', false],
  ])('use-ostree-server may be %j', (value, usesOstree) => {
    expect(read({ 'use-ostree-server': value })).toMatchObject({ request: { usesOstree } })
  })

  test('the slashes at the end of the configuration folder are left out', () => {
    expect(read({ 'sota-config-dir': '/var/sota//' })).toMatchObject({ request: { configDirectory: '/var/sota' } })
  })

  test.each([
    ['body', null],
    ['body', []],
    ['body', 'text'],
    ['csr', {}],
    ['csr', { csr: '' }],
    ['csr', { csr: 1 }],
    ['csr', { csr: 'x'.repeat(100_000) }],
    ['uuid', { ...BODY, uuid: 7 }],
    ['name', { ...BODY, name: 'x'.repeat(257) }],
    ['name', { ...BODY, name: 'a\nb' }],
    ['name', { ...BODY, name: 'a\u202eb' }],
    ['hardware-id', { ...BODY, 'hardware-id': ['board'] }],
    ['hardware-id', { ...BODY, 'hardware-id': 'a\u0000' }],
    ['group', { ...BODY, group: {} }],
    ['use-ostree-server', { ...BODY, 'use-ostree-server': 'yes' }],
    ['sota-config-dir', { ...BODY, 'sota-config-dir': 'var/sota' }],
    ['sota-config-dir', { ...BODY, 'sota-config-dir': '/' }],
    ['sota-config-dir', { ...BODY, 'sota-config-dir': '/var/"\n[evil]' }],
    ['sota-config-dir', { ...BODY, 'sota-config-dir': "/var/'" }],
    ['sota-config-dir', { ...BODY, 'sota-config-dir': '/var\\' }],
    ['overrides', { ...BODY, overrides: [] }],
    ['overrides', { ...BODY, overrides: { pacman: 'x' } }],
    ['overrides', { ...BODY, overrides: { pacman: { tags: 7 } } }],
    ['overrides', { ...BODY, overrides: { pacman: { tags: 'main' } } }],
    ['overrides', { ...BODY, overrides: { pacman: { tags: '"a"\nserver = "evil"' } } }],
    ['overrides', { ...BODY, overrides: { pacman: { tags: '"a" \r[evil]' } } }],
    ['overrides', { ...BODY, overrides: { pacman: { 'a = 1\nb': '1' } } }],
    ['overrides', { ...BODY, overrides: { 'pacman]\n[tls': { server: '"x"' } } }],
    ['overrides', { ...BODY, overrides: JSON.parse('{"__proto__": {"server": "\\"x\\""}}') }],
    ['overrides', { ...BODY, overrides: { tls: JSON.parse('{"__proto__": "1"}') } }],
    [
      'overrides',
      { ...BODY, overrides: { pacman: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, '1'])) } },
    ],
  ])('is refused because of its %s: %j', (member, body) => {
    const answer = readRegistrationRequest(body)
    expect(answer).toEqual({ errors: { [member]: expect.stringMatching(/^[^\p{Cc}\p{Cf}]+$/u) } })
  })

  test('names every member that is wrong', () => {
    expect(read({ name: 1, group: 2, csr: null })).toMatchObject({
      errors: { csr: expect.any(String), name: expect.any(String), group: expect.any(String) },
    })
  })

  test('members of the prototype are not members', () => {
    const answer = readRegistrationRequest(JSON.parse('{"csr": "x", "__proto__": {"uuid": "polluted"}}'))
    expect(answer).toMatchObject({ request: { csr: 'x', uuid: null } })
    expect(Object({}).uuid).toBeUndefined()
  })
})
