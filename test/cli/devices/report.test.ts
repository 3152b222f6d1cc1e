import { createHash } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DeviceRegister } from '../../../src/devices/register.js'
import { type ReportDevicesResult, reportDevicesResult } from '../../../src/operations/devices/report/report-devices.js'
import { renewalOf } from '../../devices/life-scene.js'
import { output } from '../../support/cli.js'
import { recordDevices, uuidNumber, withRegister } from '../../support/device-register.js'
import { copiedPki, type Made, madePki } from '../made.js'
import { expectRefusal } from '../refusal.js'

const JULY = Date.parse('2026-07-01T00:00:00Z')
const DAY = 86_400_000

/** Renews the certificate of a device. */
async function renew(register: DeviceRegister, uuid: string): Promise<void> {
  const [old] = (await register.device(uuid))?.certificates ?? []
  if (old === undefined) throw new Error('the device has no certificate')
  const certificates = [renewalOf({ uuid, serial: old.serial }, { ca: old.ca })]
  await register.renew({ at: JULY + 2 * DAY, overlap: DAY, certificates })
}

/** A PKI whose line `a` issued devices 1 to 4 on 1 July, and 5 on 1 August; the default line issued 6. */
async function scene(make: () => Promise<Made> = copiedPki) {
  const pki = await make()
  await pki.home.fpki(['lines', 'create', pki.directory, 'a', '--ca', 'local-ca', '--production'])
  const numbers = [1, 2, 3, 4].map((number) => ({ uuid: uuidNumber(number), isProduction: number === 4 }))
  await recordDevices(pki.directory, numbers, { line: 'a', at: JULY })
  // Device 2 has another certificate since; the first one of device 3 was never outside.
  await withRegister(pki.directory, (register) => register.abandon([uuidNumber(3)], JULY + 1))
  const again = [{ uuid: uuidNumber(2) }, { uuid: uuidNumber(3) }]
  await withRegister(pki.directory, (register) => renew(register, uuidNumber(1)))
  await recordDevices(pki.directory, again, { line: 'a', at: JULY + 60_000 })
  await recordDevices(pki.directory, [{ uuid: uuidNumber(5) }], { line: 'a', at: JULY + 31 * DAY })
  await recordDevices(pki.directory, [{ uuid: uuidNumber(6) }], { at: JULY })
  const shipped = join(pki.home.path, 'shipped')
  const out = join(pki.home.path, 'july.txt')
  const report = (...words: readonly string[]) =>
    pki.home.fpki(['devices', 'report', pki.directory, '--line', 'a', ...words])
  const result = async (...words: readonly string[]): Promise<ReportDevicesResult> => {
    const { stdout } = await report('--json', ...words)
    return reportDevicesResult.parse(JSON.parse(stdout))
  }
  return { ...pki, shipped, out, report, result }
}

const IN_JULY = ['--from', '2026-07-01', '--to', '2026-08-01']

describe('devices report', () => {
  test('compares what was issued in a window with what was shipped', async () => {
    const pki = await scene()
    const shipped = [1, 2, 4, 4, 5, 6, 9].map(uuidNumber)
    await writeFile(pki.shipped, `${shipped.join('\n').toUpperCase()}\n`)
    const issued = [1, 2, 3, 4].map((number) => `${uuidNumber(number)}\n`).join('')
    expect(await pki.result(...IN_JULY, '--shipped', pki.shipped)).toMatchObject({
      ...{ line: 'a', from: '2026-07-01T00:00:00Z', to: '2026-08-01T00:00:00Z', issued: 4, production: 1, shipped: 6 },
      issuedSha256: createHash('sha256').update(issued).digest('hex'),
      missing: [uuidNumber(3)],
      extra: [
        { uuid: uuidNumber(5), reason: 'issued 2026-08-01T00:00:00Z' },
        { uuid: uuidNumber(6), reason: 'issued 2026-07-01T00:00:00Z by the line "default"' },
        { uuid: uuidNumber(9), reason: 'not in the register' },
      ],
      twice: [
        { uuid: uuidNumber(2), reason: '2 certificates' },
        { uuid: uuidNumber(4), reason: 'listed 2 times' },
      ],
      file: null,
    })
  })

  test('without a list or a window, counts what the line issued', async () => {
    const pki = await scene()
    const nothing = { from: null, to: null, shipped: null, missing: [], extra: [] }
    expect(await pki.result()).toMatchObject({ issued: 5, ...nothing })
    const { status, stdout, stderr } = await pki.report()
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^fpki device-report 1\nfactory: acme\nline: a\nca: -\nfrom: -\n/)
    expect(stdout).toContain(`\ntwice ${uuidNumber(2)} 2 certificates\n`)
  })

  test.each([
    ['UUIDs with blank lines, CRLF and a byte order mark', `\ufeff${uuidNumber(1)}\r\n\r\n${uuidNumber(2)}\r\n`],
    ['CSV with a quoted cell', `box,UUID\n"1,\n2",${uuidNumber(1)}\n3, ${uuidNumber(2)} \n`],
    ['CSV with semicolons', `\ufeffuuid;box\r\n${uuidNumber(1)};1\r\n${uuidNumber(2)};2\r\n`],
    ['CSV of Excel', `\ufeffsep=;\r\nuuid;a,b\r\n${uuidNumber(1)};1\r\n${uuidNumber(2)};2\r\n`],
    ['CSV with one column', `uuid\n${uuidNumber(1)}\n${uuidNumber(2)}\n`],
  ])('reads %s', async (_, text) => {
    const pki = await scene()
    await writeFile(pki.shipped, text)
    const missing = [uuidNumber(3), uuidNumber(4)]
    expect(await pki.result(...IN_JULY, '--shipped', pki.shipped)).toMatchObject({ shipped: 2, missing, extra: [] })
  })

  test.each([
    ['a line that is no UUID', `${uuidNumber(1)}\nbox 7\n`, 'line 2 is not a UUID: "box 7"'],
    ['a cell that is no UUID', `uuid,box\n${uuidNumber(1)},1\n\u001b[31m,2\n`, 'line 3 is not a UUID'],
    ['CSV of Excel, with a cell that is no UUID', `sep=,\nuuid\nbox 7\n`, 'line 3 is not a UUID'],
    ['CSV without the column', `box,serial\n1,2\n`, 'column uuid'],
    ['a row that is too short', `uuid,box\n${uuidNumber(1)}\n`, 'Record'],
    ['text that is not UTF-8', Buffer.from([0xff, 0xfe, 0x41]), 'UTF-8'],
  ])('refuses %s', async (_, content, reason) => {
    const pki = await scene()
    await writeFile(pki.shipped, content)
    const words = ['devices', 'report', pki.directory, '--line', 'a', '--shipped', pki.shipped]
    await expectRefusal(pki.home, words, { status: 6, code: 'ERR_BAD_FILE', names: [reason, '--shipped'] })
  })

  test.each<[string, readonly string[], number, string, string]>([
    ['an unknown line', ['--line', 'nobody'], 3, 'ERR_LINE', '"nobody"'],
    [
      'a window without an inside',
      ['--line', 'a', '--from', '2026-08-01', '--to', '2026-08-01'],
      2,
      'ERR_USAGE',
      '--to',
    ],
    ['a list that is missing', ['--line', 'a', '--shipped', '/nowhere'], 6, 'ERR_BAD_FILE', '/nowhere'],
  ])('refuses %s', async (_, words, status, code, name) => {
    const { home, directory } = await scene()
    await expectRefusal(home, ['devices', 'report', directory, ...words], { status, code, names: [name] })
  })
})

describe('a signed report', () => {
  /** What OpenSSL says of it, with the public key of the CA. */
  async function verified({ home, path }: Made, report: string, certificate = 'local-ca.pem'): Promise<string> {
    const key = join(home.path, 'ca.pub')
    await writeFile(key, await output('openssl', ['x509', '-in', path(certificate), '-noout', '-pubkey']))
    return output('openssl', ['dgst', '-sha256', '-verify', key, '-signature', `${report}.sig`, report])
  }

  test('verifies with OpenSSL and the key of the CA of the line, and is in the audit log', async () => {
    const pki = await scene()
    await writeFile(pki.shipped, `${uuidNumber(1)}\n`)
    const shown = await pki.result(...IN_JULY, '--shipped', pki.shipped, '--out', pki.out)
    expect(await verified(pki, pki.out)).toBe('Verified OK\n')
    const text = await readFile(pki.out, 'utf8')
    expect(shown).toMatchObject({ text, file: pki.out, signatureFile: `${pki.out}.sig`, hash: 'sha256' })
    const fingerprint = createHash('sha256').update(
      Buffer.from((await pki.text('local-ca.pem')).replace(/-.*-/g, ''), 'base64'),
    )
    expect(text).toMatch(
      new RegExp(`^fpki device-report 1\nfactory: acme\nline: a\nca: ${fingerprint.digest('hex')}\n`),
    )
    const sha256 = createHash('sha256').update(text).digest('hex')
    const { stdout } = await pki.home.fpki(['ca', 'log', pki.directory, '--kind', 'event'])
    expect(stdout).toContain(`Signs a report on the line a with the key of local-ca.pem; SHA-256 ${sha256}`)
    for (const file of [pki.out, `${pki.out}.sig`]) expect((await stat(file)).mode & 0o777).toBe(0o644)
    await writeFile(pki.out, text.replace('issued: 4', 'issued: 5'))
    await expect(verified(pki, pki.out)).rejects.toThrow()
  })

  test('is signed by the CA of another line with its own key', async () => {
    const pki = await scene()
    const words = ['--local-ca', '--local-ca-filename', 'site-b', '--quiet']
    await pki.home.fpki(['ca', 'add-device-ca', pki.directory, ...words])
    await pki.home.fpki(['lines', 'create', pki.directory, 'b', '--ca', 'site-b.pem'])
    const { status } = await pki.home.fpki(['devices', 'report', pki.directory, '--line', 'b', '--out', pki.out])
    expect({ status, verdict: await verified(pki, pki.out, 'site-b.pem') }).toEqual({
      status: 0,
      verdict: 'Verified OK\n',
    })
    await expect(verified(pki, pki.out)).rejects.toThrow()
  })

  test('asks for the passphrase of an encrypted key', async () => {
    const env = { FPKI_PASSPHRASE: 'correct horse battery' }
    const pki = await scene(async () => {
      const made = await madePki(['--no-local-ca'])
      await made.home.fpki(['ca', 'create', join(made.home.path, 'other'), '--factory', 'acme2', '--encrypt-keys'], {
        env,
      })
      const directory = join(made.home.path, 'other')
      return { ...made, directory, path: (name) => join(directory, name) }
    })
    const words = ['devices', 'report', pki.directory, '--line', 'a', '--out', pki.out]
    await expectRefusal(pki.home, words, { status: 6, code: 'ERR_PASSPHRASE', names: ['local-ca.key'] })
    expect((await pki.home.fpki(words, { env })).status).toBe(0)
    expect(await verified(pki, pki.out)).toBe('Verified OK\n')
  })

  test('overwrites nothing', async () => {
    const pki = await scene()
    const words = ['devices', 'report', pki.directory, '--line', 'a', '--out', pki.out]
    await writeFile(`${pki.out}.sig`, 'x')
    await expectRefusal(pki.home, words, { status: 3, code: 'ERR_EXISTS', names: [`${pki.out}.sig`] })
    const inside = { status: 2, code: 'ERR_USAGE', names: ['a report', 'in the PKI directory', '--out'] }
    await expectRefusal(pki.home, [...words.slice(0, -1), pki.path('est-tls-crt')], inside)
  })

  test('is refused with another key than that of the certificate', async () => {
    const pki = await scene()
    await pki.home.fpki(['ca', 'add-device-ca', pki.directory, '--local-ca', '--local-ca-filename', 'c', '--quiet'])
    await output('cp', ['-f', pki.path('c.key'), pki.path('local-ca.key')])
    const words = ['devices', 'report', pki.directory, '--line', 'a', '--out', pki.out]
    await expectRefusal(pki.home, words, { status: 6, code: 'ERR_BAD_KEY', names: ['local-ca.key'] })
  })
})
