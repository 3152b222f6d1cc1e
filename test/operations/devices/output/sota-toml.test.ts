import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { sotaToml } from '../../../../src/operations/devices/output/sota-toml.js'

/** What lmp-device-register sent to factory-registration-ref, and what that answered. */
interface Registration {
  readonly case: string
  readonly request: { readonly method: string; readonly body: string | null }
  readonly response: { readonly status: number; readonly body: string | null }
}

const text = await readFile(new URL('../../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')
const registrations: readonly Registration[] = text
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
const answered = registrations.filter(({ response }) => response.status === 201)

const SETTINGS = {
  gateway: 'https://gw.acme.example:8443',
  ostree: 'https://ostree.acme.example:8443',
  hardwareId: 'intel-corei7-64',
  configDirectory: '/var/sota',
  usesOstree: true,
}

describe('sota.toml', () => {
  test.each(answered.map((one) => [one.case, one] as const))('equals the reference’s, line by line: %s', (_, one) => {
    const { overrides } = JSON.parse(one.request.body ?? '')
    const expected: string = JSON.parse(one.response.body ?? '')['sota.toml']
    expect(
      sotaToml({ ...SETTINGS, overrides })
        .trim()
        .split('\n'),
    ).toEqual(expected.trim().split('\n'))
  })

  test.each([
    ['a second line', { pacman: { tags: '"a"\n[evil]\nx = 1' } }],
    ['text without quotes', { pacman: { tags: 'main' } }],
    ['more than a literal', { pacman: { tags: '"a" # "b"\u000b' } }],
    ['two strings', { pacman: { tags: '"a" "b"' } }],
    ['a string that does not end', { pacman: { tags: '"a\\"' } }],
    ['half a character', { pacman: { tags: '"\ud800"' } }],
    ['a key that would need quotes', { pacman: { 'a"b': '1' } }],
    ['a section that would open another', { 'pacman]\n[evil': { a: '1' } }],
  ])('refuses %s in an override', (_, overrides) => {
    expect(() => sotaToml({ ...SETTINGS, overrides })).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  })

  test('takes a string of all printable characters that need no escape, as another reader does', () => {
    const all = Array.from({ length: 95 }, (_, at) => String.fromCharCode(0x20 + at)).join('')
    const plain = all.replace(/["\\]/g, '')
    const { pacman } = readByPython(sotaToml({ ...SETTINGS, overrides: { pacman: { tags: `"${plain}"` } } }))
    expect(pacman.tags).toBe(plain)
  })

  test.each(['a"\n[evil]\nb="', 'back\\slash', 'é \u007f\u0085\u2028 \u{1f600}', '\t\u0001', "'", 'https://x'])(
    'quotes what a device supplies, for another reader: %j',
    (hardwareId) => {
      const read = readByPython(sotaToml({ ...SETTINGS, hardwareId }))
      expect(read.provision.primary_ecu_hardware_id).toBe(hardwareId)
      expect(Object.keys(read)).toEqual(['tls', 'provision', 'uptane', 'pacman', 'storage', 'import'])
    },
  )

  test('half a character is replaced, because no TOML could contain it', () => {
    const read = readByPython(sotaToml({ ...SETTINGS, hardwareId: 'a\ud800b' }))
    expect(read.provision.primary_ecu_hardware_id).toBe('a\ufffdb')
  })

  test('leaves out the hardware id when it is not known', () => {
    const { provision } = readByPython(sotaToml({ ...SETTINGS, hardwareId: null }))
    expect(provision).toEqual({ server: SETTINGS.gateway })
  })
})

function readByPython(toml: string) {
  const program = 'import json, sys, tomllib; print(json.dumps(tomllib.load(sys.stdin.buffer)))'
  return JSON.parse(execFileSync('python3', ['-c', program], { input: toml, encoding: 'utf8' }))
}
