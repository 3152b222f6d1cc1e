import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { changeDenialsResult } from '../../../src/operations/devices/denial/change-denials.js'
import { publishListsResult } from '../../../src/operations/devices/publish/publish-lists.js'
import { showDeviceResult } from '../../../src/operations/devices/query/show-device.js'
import { seenDevicesResult } from '../../../src/operations/devices/seen/seen-devices.js'
import { output, runProgram } from '../../support/cli.js'
import { recordDevices, uuidNumber, withRegister } from '../../support/device-register.js'
import { copiedPki, type Made } from '../made.js'
import { expectRefusal } from '../refusal.js'

const [ONE, TWO, THREE] = [uuidNumber(1), uuidNumber(2), uuidNumber(3)]

/** A PKI whose register has three devices. */
async function scene(): Promise<Made> {
  const made = await copiedPki()
  await recordDevices(made.directory, [{ uuid: ONE }, { uuid: TWO }, { uuid: THREE }])
  return made
}

function run({ home, directory }: Made, command: string, ...words: readonly string[]) {
  return home.fpki(['devices', command, directory, ...words])
}

/** In words and as JSON, without a change to any file. */
function expectRefused(
  { home, directory }: Made,
  [command = '', ...words]: readonly string[],
  status: number,
  code: string,
  text: string,
) {
  return expectRefusal(home, ['devices', command, directory, ...words], { status, code, names: [text] })
}

async function changed(made: Made, command: 'deny' | 'allow', ...words: readonly string[]) {
  const { status, stdout, stderr } = await run(made, command, ...words, '--json')
  expect({ status, stderr }).toMatchObject({ status: 0 })
  return changeDenialsResult.parse(JSON.parse(stdout))
}

/** Why each device is denied; null: it is not. */
async function reasons(made: Made) {
  const found = [ONE, TWO, THREE].map(async (uuid) => {
    const { stdout } = await run(made, 'show', uuid, '--json')
    return showDeviceResult.parse(JSON.parse(stdout)).device.denied?.reason ?? null
  })
  return Promise.all(found)
}

function outbox({ directory }: Made) {
  return withRegister(directory, (register) => register.outbox.take({ count: 9, at: Date.now(), until: 0 }))
}

describe('fpki devices deny and allow', () => {
  test('put a device on hold and end that, in the words of a person', async () => {
    const made = await scene()
    const denied = await run(made, 'deny', ONE.toUpperCase(), ONE)
    expect(denied).toMatchObject({ status: 0, stdout: '' })
    expect(denied.stderr.split('\n')).toEqual([
      'note: Denied 1 device (certificateHold).',
      expect.stringContaining(`\`fpki devices allow ${made.directory} ${ONE}\``),
      expect.stringContaining(
        `Gateways still accept it: give them new lists with \`fpki devices publish ${made.directory} --nginx-map FILE\``,
      ),
      '',
    ])
    expect(await reasons(made)).toEqual(['certificateHold', null, null])
    expect((await run(made, 'deny', ONE)).stderr).toContain('Unchanged, because denied already: 1 device.')
    expect((await run(made, 'allow', ONE, TWO)).stderr).toContain('Allowed 1 device.\n')
    expect(await reasons(made)).toEqual([null, null, null])
    // The embedded API reads the register.
    expect(await outbox(made)).toEqual([])
    const log = await made.home.fpki(['ca', 'log', made.directory])
    expect(log.stdout).toContain(`Denies the device ${ONE} (certificateHold)`)
    expect(log.stdout).toContain(`Ends the denial of the device ${ONE}`)
  })

  test('deny for ever what is on hold, and nothing ends that', async () => {
    const made = await scene()
    await changed(made, 'deny', ONE)
    const final = ['--reason', 'keyCompromise']
    await expectRefused(made, ['deny', ONE, ...final], 3, 'ERR_NOT_CONFIRMED', 'no terminal')
    expect(await reasons(made)).toEqual(['certificateHold', null, null])
    expect(await changed(made, 'deny', ONE, TWO, ...final, '--yes')).toMatchObject({
      ...{ action: 'deny', reason: 'keyCompromise', devices: 2, changed: 2, madeFinal: 1, queued: false },
    })
    expect(await changed(made, 'deny', ONE)).toMatchObject({ devices: 1, changed: 0 })
    await changed(made, 'deny', THREE)
    await expectRefused(made, ['allow', THREE, ONE], 3, 'ERR_DENIED', `denied for ever (keyCompromise): ${ONE}`)
    expect(await reasons(made)).toEqual(['keyCompromise', 'keyCompromise', 'certificateHold'])
  })

  test('take a list, of which a typo changes nothing', async () => {
    const made = await scene()
    const list = join(made.home.path, 'list.txt')
    await writeFile(list, `# stolen\n${ONE}\r\n${TWO.toUpperCase()}\n\n${uuidNumber(9)}\n`)
    await expectRefused(made, ['deny', '--from', list], 3, 'ERR_NO_DEVICE', uuidNumber(9))
    await writeFile(list, `${ONE}\n${TWO.slice(0, -1)}\n`)
    await expectRefused(made, ['deny', '--from', list], 6, 'ERR_BAD_FILE', 'line 2: ')
    expect(await reasons(made)).toEqual([null, null, null])
    await writeFile(list, gzipSync(`${ONE}\n${TWO}\n${ONE}\n`))
    expect(await changed(made, 'deny', '--from', list, '--dry-run')).toMatchObject({ changed: 2, dryRun: true })
    expect(await reasons(made)).toEqual([null, null, null])
    expect(await changed(made, 'deny', '--from', list)).toMatchObject({ devices: 2, changed: 2, dryRun: false })
    const { status } = await made.home.fpki(['devices', 'allow', made.directory, '--from', '-'], { stdin: `${TWO}\n` })
    expect(status).toBe(0)
    expect(await reasons(made)).toEqual(['certificateHold', null, null])
  })

  test.each([
    [[], 2, 'ERR_USAGE', 'No device is named'],
    [[ONE, '--from', 'list.txt'], 2, 'ERR_USAGE', 'both as arguments and with --from'],
    [['0f3a'], 2, 'ERR_USAGE', '"0f3a" is not a UUID'],
    [['--from', 'none.txt'], 6, 'ERR_BAD_FILE', 'there is no such file'],
    [[ONE, uuidNumber(8)], 3, 'ERR_NO_DEVICE', `The device register has no device ${uuidNumber(8)}.`],
    [[uuidNumber(7), uuidNumber(8)], 3, 'ERR_NO_DEVICE', '2 devices are not in the device register: '],
  ] as const)('refuse %j', async (words, exit, code, text) => {
    await expectRefused(await scene(), ['deny', ...words], exit, code, text)
  })

  test('need a register', async () => {
    const made = await copiedPki()
    await expectRefused(made, ['deny', ONE], 3, 'ERR_NOT_INITIALIZED', 'There is no device register')
  })

  test('wait for a Factory API that does not read the register', async () => {
    const made = await scene()
    const start = { env: { FPKI_API: 'https://api.example.test' } }
    const { stderr } = await made.home.fpki(['devices', 'deny', made.directory, ONE], start)
    expect(stderr).toContain(`fpki devices publish ${made.directory} --foundries`)
    expect(await outbox(made)).toMatchObject([{ uuid: ONE, action: 'deny' }])
    await made.home.fpki(['devices', 'allow', made.directory, ONE], start)
    expect(await outbox(made)).toMatchObject([{ uuid: ONE, action: 'allow' }])
  })
})

/** Devices of a CA that signs CRLs, in files that OpenSSL reads. */
async function issued() {
  const made = await copiedPki()
  const at = (name: string) => join(made.home.path, name)
  const add = ['--local-ca', '--local-ca-filename', 'site-b.pem', '--crl-sign']
  const added = await made.home.fpki(['ca', 'add-device-ca', made.directory, ...add])
  expect(added).toMatchObject({ status: 0, stderr: expect.stringContaining('cRLSign is unknown') })
  await writeFile(at('uuids'), [ONE, TWO, THREE].join('\n'))
  const out = ['--from', at('uuids'), '--make-keys', '--ca', 'site-b', '--out', at('devices')]
  expect(await run(made, 'issue', ...out)).toMatchObject({ status: 0 })
  await writeFile(at('chain.pem'), `${await made.text('factory_ca.pem')}${await made.text('site-b.pem')}`)
  const certificate = (uuid: string) => at(`devices/${uuid}/client.pem`)
  return { made, at, certificate }
}

async function serialOf(file: string): Promise<string> {
  return (await output('openssl', ['x509', '-in', file, '-noout', '-serial'])).trim().replace('serial=', '')
}

describe('fpki devices publish', () => {
  test('writes lists that OpenSSL and the register agree on', async () => {
    const { made, at, certificate } = await issued()
    expect(await output('openssl', ['x509', '-in', made.path('site-b.pem'), '-noout', '-ext', 'keyUsage'])).toContain(
      'Certificate Sign, CRL Sign',
    )
    const lint = await made.home.fpki(['lint', made.path('site-b.pem'), made.path('factory_ca.pem')])
    expect(lint).toMatchObject({ status: 0 })
    await changed(made, 'deny', ONE)
    await changed(made, 'deny', TWO, '--reason', 'keyCompromise', '--yes')
    const words = ['--nginx-map', at('denied.map'), '--crl', at('site-b.crl.pem'), '--ca', 'site-b.pem']
    const { status, stdout } = await run(made, 'publish', ...words, '--crl-validity', '12h', '--json')
    expect(status).toBe(0)
    const { crl, nginxMap, foundries } = publishListsResult.parse(JSON.parse(stdout))
    expect({ nginxMap, foundries }).toEqual({ nginxMap: { file: at('denied.map'), certificates: 2 }, foundries: null })
    expect(crl).toMatchObject({ file: at('site-b.crl.pem'), ca: 'site-b.pem', number: 1, certificates: 2 })
    expect(Date.parse(crl?.nextUpdate ?? '') - Date.parse(crl?.thisUpdate ?? '')).toBe(12 * 3_600_000)
    const verdicts = [ONE, TWO, THREE].map(async (uuid) => {
      const checks = ['-CAfile', at('chain.pem'), '-CRLfile', at('site-b.crl.pem'), '-crl_check']
      const { stdout: good, stderr } = await runProgram('openssl', ['verify', ...checks, certificate(uuid)])
      return /OK|certificate revoked/.exec(good + stderr)?.[0]
    })
    expect(await Promise.all(verdicts)).toEqual(['certificate revoked', 'certificate revoked', 'OK'])
    expect(await readFile(at('denied.map'), 'utf8')).toMatch(
      new RegExp(
        `"${await serialOf(certificate(ONE))}" certificateHold;\n.*"${await serialOf(certificate(TWO))}" keyCompromise;`,
      ),
    )
    const linted = await made.home.fpki([
      'lint',
      at('site-b.crl.pem'),
      made.path('site-b.pem'),
      made.path('factory_ca.pem'),
    ])
    expect(linted).toMatchObject({ status: 0 })
    await changed(made, 'allow', ONE)
    const again = await run(made, 'publish', '--crl', at('site-b.crl'), '--ca', 'site-b')
    expect(again.stderr).toContain('Wrote CRL number 2 of site-b.pem')
    const text = await output('openssl', ['crl', '-inform', 'DER', '-in', at('site-b.crl'), '-noout', '-text'])
    expect([...text.matchAll(/Serial Number: (\w+)/g)].map(([, serial]) => serial)).toEqual([
      await serialOf(certificate(TWO)),
    ])
  })

  test('signs no CRL with a CA that may not, and overwrites nothing else', async () => {
    const made = await scene()
    const crl = join(made.home.path, 'a.crl')
    await expectRefused(made, ['publish', '--crl', crl], 2, 'ERR_USAGE', 'its keyUsage has no cRLSign')
    const certificate = await made.text('local-ca.pem')
    const other = join(made.home.path, 'other.pem')
    await writeFile(other, certificate)
    for (const flag of ['--crl', '--nginx-map']) {
      await expectRefused(made, ['publish', flag, other], 3, 'ERR_EXISTS', 'it is not')
      await expectRefused(made, ['publish', flag, made.path('local-ca.pem')], 2, 'ERR_USAGE', 'Refusing to write')
    }
    expect([await made.text('local-ca.pem'), await readFile(other, 'utf8')]).toEqual([certificate, certificate])
    await expectRefused(made, ['publish', '--nginx-map', made.home.path], 6, 'ERR_BAD_FILE', 'it is a folder')
    await expectRefused(made, ['publish', '--ca', 'local-ca'], 2, 'ERR_USAGE', '--ca needs --crl')
    await expectRefused(made, ['publish', '--foundries'], 2, 'ERR_USAGE', 'reads the device register')
  })
})

describe('fpki devices seen', () => {
  async function seen({ home, directory }: Made, log: string | Buffer) {
    const file = join(home.path, 'seen.log')
    await writeFile(file, log)
    const { status, stdout, stderr } = await home.fpki(['devices', 'seen', directory, '--from', file, '--json'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return seenDevicesResult.parse(JSON.parse(stdout))
  }

  test('finds certificates by serial number and by both fingerprints', async () => {
    const { made, certificate } = await issued()
    const serial = await serialOf(certificate(ONE))
    const [sha1, sha256] = await Promise.all(
      [['-sha1', TWO] as const, ['-sha256', THREE] as const].map(
        async ([hash, uuid]) =>
          (await output('openssl', ['x509', '-in', certificate(uuid), '-noout', '-fingerprint', hash]))
            .trim()
            .split('=')[1],
      ),
    )
    const time = new Date(Date.now() - 5000).toISOString()
    const lines = [
      `${time} ${serial}`,
      `${time} ${serial}`,
      `"${sha1?.replaceAll(':', '').toLowerCase()}"`,
      sha256,
      '- -',
      '',
    ]
    const strangers = ['4f'.repeat(20), 'ab'.repeat(32), '0f']
    const log = gzipSync([...lines, ...strangers].join('\n'))
    expect(await seen(made, log)).toMatchObject({
      lines: 8,
      unreadable: 1,
      certificates: 6,
      unknown: 3,
      first: 3,
      superseded: 0,
    })
    expect(await seen(made, log)).toMatchObject({ unknown: 3, first: 0 })
    const { stdout } = await run(made, 'show', ONE, '--json')
    const [first] = showDeviceResult.parse(JSON.parse(stdout)).certificates
    expect(Date.parse(first?.seenAt ?? '')).toBe(Math.floor(Date.parse(time) / 1000) * 1000)
  })
})
