import { describe, expect, test } from 'vitest'
import { showHistoryResult } from '../../src/index.js'
import { copiedPki } from './made.js'

describe('ca history', () => {
  test('says what each change changed', async () => {
    const { home, directory } = await copiedPki()
    for (const words of [
      ['add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b'],
      ['rotate-tls', directory],
      ['revoke-device-ca', directory, '--ca-file', 'site-b', '--yes'],
    ])
      expect(await home.fpki(['ca', ...words, '--quiet'])).toMatchObject({ status: 0 })
    const { stdout } = await home.fpki(['ca', 'history', directory, '--json'])
    const { snapshots } = showHistoryResult.parse(JSON.parse(stdout))
    expect(snapshots.map(({ command, changes }) => [command, ...changes])).toEqual([
      ['ca create'],
      ['ca add-device-ca', 'added: site-b.key', 'added: site-b.pem'],
      ['ca rotate-tls', 'replaced: tls-crt'],
      [
        'ca revoke-device-ca',
        'changed: number of the newest CRL (was not recorded; now 1)',
        expect.stringMatching(/^revoked: site-b\.pem, serial ([0-9A-F]{2}:){19}[0-9A-F]{2}$/),
      ],
    ])
    const status = await home.fpki(['ca', 'status', directory])
    expect(status.stdout).toMatch(/^ {2}site-b\.pem .* days {2}revoked$/m)
    const text = await home.fpki(['ca', 'history', directory])
    const lines = text.stdout.split('\n')
    expect(lines[1]).toMatch(/^ {7}first snapshot: factory_ca\.key factory_ca\.pem /)
    expect(lines.slice(2, 5)).toEqual([
      expect.stringMatching(/^ {4}2 {2}\S+ {2}ca add-device-ca$/),
      '       added: site-b.key',
      '       added: site-b.pem',
    ])
  })
})

test('ca log with no hits says so', async () => {
  const { home, directory } = await copiedPki()
  const { status, stdout, stderr } = await home.fpki(['ca', 'log', directory, '--kind', 'refused'])
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  expect(stderr).toBe(`note: None of the 4 lines of the audit log of ${directory} matches.\n`)
})
