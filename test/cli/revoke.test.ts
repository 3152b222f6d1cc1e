import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { changeDeviceCasResult } from '../../src/operations/device-cas/change-device-cas.js'
import { crlFacts } from '../../src/pki/describe-crl.js'
import { output } from '../support/cli.js'
import { crlNumberOf, deviceCaSerials, entriesOf, hexOf, knownOf, pkiWithThreeCas, serialOf } from './device-cas.js'
import { copiedPki, editCertificates, madePki } from './made.js'
import { expectRefusal } from './refusal.js'
import { snapshot, snapshotButAuditLog } from './snapshot.js'
import { CTRL_C, CTRL_D, onTerminal } from './terminal.js'

const REASONS = { revoke: 'Privilege Withdrawn', disable: 'Certificate Hold', enable: 'Remove From CRL' } as const

describe('a device CA is selected', () => {
  test.each<[string, (hex: string, decimal: string, directory: string) => readonly string[]]>([
    ['by file name', () => ['--ca-file', 'site-b.pem']],
    ['by file name without .pem', () => ['--ca-file', 'site-b']],
    ['by absolute path', (_, __, directory) => ['--ca-file', join(directory, 'site-b.pem')]],
    ['with an equals sign', () => ['--ca-file=site-b.pem']],
    ['by a decimal serial', (_, decimal) => ['--ca-serial', decimal]],
    ['by 0x and upper-case hex', (hex) => ['--ca-serial', `0x${hex}`]],
    ['by 0X and lower-case hex', (hex) => ['--ca-serial', `0X${hex.toLowerCase()}`]],
    ['by hex with colons', (hex) => ['--ca-serial', colons(hex)]],
    ['by lower-case hex with colons', (hex) => ['--ca-serial', colons(hex).toLowerCase()]],
    ['twice, in two ways', (hex) => ['--ca-serial', `0x${hex}`, '--ca-file', 'site-b']],
  ])('%s', async (_, wordsOf) => {
    const { home, directory, siteB } = await pkiWithThreeCas()
    const words = wordsOf(BigInt(siteB).toString(16).toUpperCase(), siteB, directory)
    const { status, stdout } = await home.fpki(['ca', 'disable-device-ca', directory, ...words, '--dry-run'])
    expect(status).toBe(0)
    expect(await entriesOf(stdout)).toEqual([[siteB, REASONS.disable]])
  })

  test('online-crt by file name', async () => {
    const made = await copiedPki()
    const online = await serialOf(made.path('online-crt'))
    const words = ['ca', 'disable-device-ca', made.directory, '--ca-file', 'online-crt', '--yes']
    expect((await made.home.fpki(words)).status).toBe(0)
    expect((await knownOf(made)).disabledCaSerials).toEqual([online])
  })

  test('by a copy of its certificate, and with a relative directory as in fioctl', async () => {
    const { home, directory, siteB, ...made } = await pkiWithThreeCas()
    const copy = join(home.path, 'a copy')
    await copyFile(join(directory, 'site-b.pem'), copy)
    const words = ['ca', 'disable-device-ca', 'acme', '--ca-file', copy]
    expect((await home.fpki(words, { cwd: home.path })).status).toBe(0)
    expect((await knownOf(made)).disabledCaSerials).toEqual([siteB])
  })

  test('together with others in any order, for one sorted CRL', async () => {
    const { home, directory, siteB, local, online, ...made } = await pkiWithThreeCas()
    const words = ['--ca-file', 'local-ca', '--ca-serial', siteB, '--ca-file', 'online-crt', '--ca-serial', local]
    expect((await home.fpki(['ca', 'revoke-device-ca', directory, ...words, '--yes'])).status).toBe(0)
    const { caRevokeCrl } = await knownOf(made)
    const ascending = [siteB, local, online].toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))
    expect(await entriesOf(caRevokeCrl ?? '')).toEqual(ascending.map((serial) => [serial, REASONS.revoke]))
    expect(await crlNumberOf(made)).toBe(1)
    expect((await knownOf(made)).caCrt).toBeNull()
  })
})

describe('the effect', () => {
  test('of disable, enable and revoke is in the Factory API and ca show, with increasing CRL numbers', async () => {
    const { home, directory, siteB, local, online, ...made } = await pkiWithThreeCas()
    const shown = async () => {
      const { stdout } = await home.fpki(['ca', 'show', '--json'])
      const { deviceCas }: { deviceCas: { serial: string; disabled: boolean }[] } = JSON.parse(stdout)
      return deviceCas.map(({ serial, disabled }) => [serial, disabled])
    }
    const change = async (action: keyof typeof REASONS, number: number) => {
      const { status, stdout } = await home.fpki(['ca', `${action}-device-ca`, directory, '--ca-file', 'site-b'])
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: expect.stringContaining(`site-b.pem, serial ${hexOf(siteB)}`),
      })
      expect(stdout).toContain(`Sent CRL number ${number} to the Factory API`)
      expect(await crlNumberOf(made)).toBe(number)
      expect(await entriesOf((await knownOf(made)).caRevokeCrl ?? '')).toEqual([[siteB, REASONS[action]]])
      const state: unknown = JSON.parse(await readFile(join(directory, '.fpki', 'state.json'), 'utf8'))
      expect(state).toMatchObject({ crlNumber: String(number) })
    }
    await change('disable', 1)
    expect(await shown()).toEqual([
      [online, false],
      [local, false],
      [siteB, true],
    ])
    expect((await home.fpki(['ca', 'show', '--pretty'])).stdout.match(/ DISABLED$/gm)).toHaveLength(1)
    await change('enable', 2)
    expect((await shown()).map(([, disabled]) => disabled)).toEqual([false, false, false])
    await change('disable', 3)
    await change('revoke', 4)
    expect(await deviceCaSerials(made)).toEqual([online, local])
    expect((await knownOf(made)).disabledCaSerials).toEqual([])
    expect(await shown()).toEqual([
      [online, false],
      [local, false],
    ])
  })

  test('the uploaded CRL verifies with OpenSSL', async () => {
    const { home, directory, ...made } = await pkiWithThreeCas()
    expect((await home.fpki(['ca', 'revoke-device-ca', directory, '--ca-file', 'site-b'])).status).toBe(0)
    const stdin = (await knownOf(made)).caRevokeCrl ?? ''
    const words = ['crl', '-noout', '-lastupdate', '-CAfile', join(directory, 'factory_ca.pem')]
    expect(await output('openssl', words, { stdin })).toMatch(/^lastUpdate=.* GMT$/m)
  })

  test('CRL numbers continue from the highest one, local or in the Factory API', async () => {
    const { home, directory, ...made } = await pkiWithThreeCas()
    const words = (action: string) => ['ca', `${action}-device-ca`, directory, '--ca-file', 'site-b', '--quiet']
    await home.fpki(words('disable'))
    await home.fpki(words('enable'))
    // The directory is restored from a backup without a CRL number.
    const state = join(directory, '.fpki', 'state.json')
    const { crlNumber, ...older }: Record<string, unknown> = JSON.parse(await readFile(state, 'utf8'))
    expect(crlNumber).toBe('2')
    await writeFile(state, JSON.stringify(older))
    await home.fpki(words('disable'))
    expect(await crlNumberOf(made)).toBe(3)
    // The Factory API loses its CRL.
    await editCertificates(made, { caRevokeCrl: null })
    await home.fpki(words('enable'))
    expect(await crlNumberOf(made)).toBe(4)
  })

  test('a CRL of another issuer in the Factory API is reported, and its number ignored', async () => {
    const [made, other] = [await pkiWithThreeCas(), await madePki()]
    const foreign = await other.home.fpki([
      'ca',
      'disable-device-ca',
      other.directory,
      '--ca-file',
      'local-ca',
      '--dry-run',
    ])
    await editCertificates(made, { caRevokeCrl: foreign.stdout })
    const dry = ['ca', 'disable-device-ca', made.directory, '--ca-file', 'site-b', '--dry-run', '--json']
    expect(changeDeviceCasResult.parse(JSON.parse((await made.home.fpki(dry)).stdout)).warnings).toHaveLength(1)
    const { status, stdout, stderr } = await made.home.fpki([
      ...['ca', 'disable-device-ca', made.directory, '--ca-file', 'site-b', '--json'],
    ])
    expect(status).toBe(0)
    expect(stderr).toContain('warning: The CRL in the Factory API is not signed by the root; its number is ignored.')
    expect(changeDeviceCasResult.parse(JSON.parse(stdout)).warnings).toEqual([
      expect.stringContaining('not signed by the root'),
    ])
    expect(await crlNumberOf(made)).toBe(1)
  })

  test('--json prints the document', async () => {
    const { home, directory, siteB } = await pkiWithThreeCas()
    const { stdout } = await home.fpki(['ca', 'revoke-device-ca', directory, '--ca-file', 'site-b', '--json'])
    const told = changeDeviceCasResult.parse(JSON.parse(stdout))
    expect(told).toMatchObject({
      factory: 'acme',
      api: `embedded (${home.state})`,
      directory,
      action: 'revoke',
      dryRun: false,
      changed: true,
      resumed: false,
      warnings: [],
      deviceCas: [{ serial: siteB, role: 'local-ca', file: 'site-b.pem' }],
      crl: {
        issuer: 'CN=Factory-CA, OU=acme',
        crlNumber: '1',
        entries: [{ serial: siteB, reason: 'privilegeWithdrawn' }],
      },
    })
    expect(await entriesOf(told.crl?.pem ?? '')).toEqual([[siteB, REASONS.revoke]])
  })
})

describe('--dry-run changes nothing on disk or in the Factory API', () => {
  test.each(['revoke', 'disable', 'enable'] as const)('%s prints the CRL', async (action) => {
    const { home, directory, siteB } = await pkiWithThreeCas()
    if (action === 'enable') await home.fpki(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b'])
    const before = await snapshotButAuditLog(home.path)
    const run = (...more: string[]) =>
      home.fpki(['ca', `${action}-device-ca`, directory, '--ca-file', 'site-b', '--dry-run', ...more])
    const [pem, pretty, json] = await Promise.all([run(), run('--pretty'), run('--json')])
    for (const { status, stderr } of [pem, pretty, json]) {
      expect(status).toBe(0)
      expect(stderr).toMatch(new RegExp(`^note: ${action} local-ca \\(site-b.pem\\), serial ${hexOf(siteB)}: .*\\n$`))
    }
    expect(await entriesOf(pem.stdout)).toEqual([[siteB, REASONS[action]]])
    const colons = /^Serial +([0-9A-F:]{50,})$/m.exec(pretty.stdout)?.[1]?.replaceAll(':', '')
    expect(BigInt(`0x${colons}`).toString()).toBe(siteB)
    for (const line of [
      /^Issuer +CN=Factory-CA, OU=acme$/m,
      /^CRL number +\d$/m,
      new RegExp(`^Serial +${hexOf(siteB)}$`, 'm'),
    ]) {
      expect(pretty.stdout).toMatch(line)
    }
    const told = changeDeviceCasResult.parse(JSON.parse(json.stdout))
    expect(told).toMatchObject({ action, dryRun: true, changed: false })
    expect(await entriesOf(crlFacts.parse(told.crl).pem)).toEqual([[siteB, REASONS[action]]])
    expect(await snapshotButAuditLog(home.path)).toEqual(before)
  })

  test('asks for no confirmation, even for the last device CA', async () => {
    const { home, directory } = await pkiWithThreeCas()
    const before = await snapshotButAuditLog(home.path)
    const all = ['local-ca', 'site-b', 'online-crt'].flatMap((name) => ['--ca-file', name])
    const { status, stdout } = await home.fpki(['ca', 'revoke-device-ca', directory, ...all, '--dry-run'])
    expect(status).toBe(0)
    expect(await entriesOf(stdout)).toHaveLength(3)
    expect(await snapshotButAuditLog(home.path)).toEqual(before)
  })

  test('--pretty without --dry-run sends the CRL', async () => {
    const { home, directory, siteB, ...made } = await pkiWithThreeCas()
    await home.fpki(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b', '--pretty'])
    expect((await knownOf(made)).disabledCaSerials).toEqual([siteB])
  })
})

describe('an unchanged state is reported, and nothing is sent', () => {
  test.each(['disable', 'enable'] as const)('%s twice: exit 0', async (action) => {
    const { home, directory, siteB } = await pkiWithThreeCas()
    const words = ['ca', `${action}-device-ca`, directory, '--ca-file', 'site-b']
    await home.fpki(words)
    const before = await snapshot(home.path)
    const [inWords, inJson, dry] = await Promise.all([
      home.fpki(words),
      home.fpki([...words, '--json']),
      home.fpki([...words, '--dry-run']),
    ])
    expect(inWords).toMatchObject({ status: 0, stdout: '' })
    expect(inWords.stderr).toContain(`Already ${action}d: ${hexOf(siteB)}. Nothing was changed.`)
    expect(dry).toEqual(inWords)
    expect(changeDeviceCasResult.parse(JSON.parse(inJson.stdout))).toMatchObject({
      changed: false,
      crl: null,
      deviceCas: [{ serial: siteB, file: 'site-b.pem' }],
    })
    expect(await snapshot(home.path)).toEqual(before)
  })

  test('a CA that is already disabled does not stop the other', async () => {
    const { home, directory, siteB, local, ...made } = await pkiWithThreeCas()
    await home.fpki(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b'])
    const both = ['--ca-file', 'site-b', '--ca-file', 'local-ca']
    expect((await home.fpki(['ca', 'disable-device-ca', directory, ...both])).status).toBe(0)
    expect((await knownOf(made)).disabledCaSerials.toSorted()).toEqual([siteB, local].toSorted())
    expect(await crlNumberOf(made)).toBe(2)
  })
})

describe('an unknown serial number is refused with a list of the device CAs', () => {
  test.each(['revoke', 'disable', 'enable'])('%s', async (action) => {
    const { home, directory, siteB, local, online } = await pkiWithThreeCas()
    const refused = (...words: string[]) =>
      expectRefusal(home, ['ca', `${action}-device-ca`, directory, ...words], {
        status: 3,
        code: 'ERR_NOT_A_DEVICE_CA',
        names: [...[siteB, local, online].map(hexOf), 'CN=online-ca, OU=acme'],
      })
    await refused('--ca-serial', '5')
    await refused('--ca-serial', '5', '--ca-serial', siteB)
    for (const name of ['tls-crt', 'factory_ca']) {
      const words = ['ca', `${action}-device-ca`, directory, '--ca-file', name]
      const names = [`${name === 'factory_ca' ? 'factory_ca.pem' : name} is not the certificate of a device CA`]
      await expectRefusal(home, words, { status: 3, code: 'ERR_NOT_A_DEVICE_CA', names })
    }
  })

  test('revoking a revoked CA is reported', async () => {
    const { home, directory, siteB, local } = await pkiWithThreeCas()
    const words = ['ca', 'revoke-device-ca', directory, '--ca-file', 'site-b']
    expect((await home.fpki(words)).status).toBe(0)
    const names = [
      `${hexOf(siteB)} is not an active device CA`,
      ...['may already be revoked', `${hexOf(local)} (local-ca.pem, CN=fio-`],
    ]
    await expectRefusal(home, words, { status: 3, code: 'ERR_NOT_A_DEVICE_CA', names })
    await expectRefusal(home, ['ca', 'enable-device-ca', directory, '--ca-file', 'site-b'], {
      ...{ status: 3, code: 'ERR_NOT_A_DEVICE_CA', names },
    })
  })

  test('an empty list of device CAs is reported', async () => {
    const { home, directory } = await copiedPki()
    const all = ['--ca-file', 'local-ca', '--ca-file', 'online-crt', '--yes']
    expect((await home.fpki(['ca', 'revoke-device-ca', directory, ...all])).status).toBe(0)
    const refusal = { status: 3, code: 'ERR_NOT_A_DEVICE_CA', names: ['The factory has no active device CAs.'] }
    await expectRefusal(home, ['ca', 'revoke-device-ca', directory, '--ca-serial', '5'], refusal)
  })
})

describe('a change that affects all devices', () => {
  const ALL = ['--ca-file', 'local-ca', '--ca-file', 'online-crt']
  const LAST = 'No device CA will be left'
  const ONLINE = 'No online-ca will be left'
  test.each<[string, readonly string[], string]>([
    ['revoke', ALL, LAST],
    ['disable', ALL, LAST],
    ['revoke', ['--ca-file', 'online-crt'], ONLINE],
    ['revoke', ['--ca-file', 'local-ca'], 'No local-ca will be left'],
    ['disable', ['--ca-file', 'online-crt'], ONLINE],
  ])('%s %j requires --yes without a terminal', async (action, words, danger) => {
    const made = await copiedPki()
    const command = ['ca', `${action}-device-ca`, made.directory, ...words]
    await expectRefusal(made.home, command, { status: 3, code: 'ERR_NOT_CONFIRMED', names: ['--yes'] })
    expect((await made.home.fpki(command)).stderr).toContain(`warning: ${danger}`)
    const { status, stderr } = await made.home.fpki([...command, '--yes', '--quiet'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: `warning: ${lineOf(danger, stderr)}\n` })
    expect(await crlNumberOf(made)).toBe(1)
  })

  test('the last enabled CA counts as the last', async () => {
    const made = await copiedPki()
    const words = (action: string, name: string) => ['ca', `${action}-device-ca`, made.directory, '--ca-file', name]
    expect((await made.home.fpki([...words('disable', 'online-crt'), '--yes'])).status).toBe(0)
    const refusal = { status: 3, code: 'ERR_NOT_CONFIRMED', names: ['--yes'] }
    await expectRefusal(made.home, words('revoke', 'local-ca'), refusal)
    expect((await made.home.fpki(words('revoke', 'online-crt'))).stderr).toContain('online-ca')
  })

  test('a local-ca next to a disabled one counts as the only one', async () => {
    const { home, directory } = await pkiWithThreeCas()
    const words = (action: string, name: string) => ['ca', `${action}-device-ca`, directory, '--ca-file', name]
    expect((await home.fpki(words('disable', 'site-b'))).status).toBe(0)
    const refusal = { status: 3, code: 'ERR_NOT_CONFIRMED', names: ['--yes'] }
    await expectRefusal(home, words('revoke', 'local-ca'), refusal)
    // The disabled CA is not in use.
    expect((await home.fpki(words('revoke', 'site-b'))).stderr).not.toContain('No online-ca')
  })

  test('disabling the only local-ca, which is reversible, requires no --yes', async () => {
    const made = await copiedPki()
    const ended = await made.home.fpki(['ca', 'disable-device-ca', made.directory, '--ca-file', 'local-ca'])
    expect(ended.status).toBe(0)
    expect((await knownOf(made)).disabledCaSerials).toEqual([await serialOf(made.path('local-ca.pem'))])
  })

  test('any other revocation is reported and done', async () => {
    const { home, directory, siteB } = await pkiWithThreeCas()
    const { status, stderr } = await home.fpki(['ca', 'revoke-device-ca', directory, '--ca-file', 'site-b'])
    expect(status).toBe(0)
    expect(stderr).toContain(
      `revoke local-ca (site-b.pem), serial ${hexOf(siteB)}: the gateway refuses its devices permanently; this is irreversible.`,
    )
  })
})

describe('on a terminal', () => {
  const QUESTION = 'Revoke it? [yes/no] '

  test.each([
    ['yes\r', 0],
    ['Y\r', 0],
    ['no\r', 3],
    ['\r', 3],
    ['yes please\r', 3],
    [CTRL_C, 130],
    [CTRL_D, 130],
  ])('revoke asks for confirmation, and %j exits with %i', async (keys, expected) => {
    const { home, directory, siteB, ...made } = await pkiWithThreeCas()
    const before = await snapshot(home.path)
    const words = `ca revoke-device-ca ${directory} --ca-file site-b`
    const { status, stdout } = await onTerminal(home, words, [[QUESTION, keys]])
    expect(stdout).toContain('irreversible')
    expect(status).toBe(expected)
    expect((await deviceCaSerials(made)).includes(siteB)).toBe(expected !== 0)
    if (expected !== 0) expect(await snapshot(home.path)).toEqual(before)
    if (expected === 3) expect(stdout).toContain('[ERR_NOT_CONFIRMED]')
  })

  test('--yes asks nothing, nor does disabling one of three', async () => {
    const { home, directory } = await pkiWithThreeCas()
    const disabled = await onTerminal(home, `ca disable-device-ca ${directory} --ca-file site-b`, [])
    const revoked = await onTerminal(home, `ca revoke-device-ca ${directory} --ca-file site-b --yes`, [])
    expect([disabled.status, revoked.status]).toEqual([0, 0])
    expect(`${disabled.stdout}${revoked.stdout}`).not.toContain('[yes/no]')
  })

  test('disabling the only online-ca asks for confirmation', async () => {
    const made = await copiedPki()
    const words = `ca disable-device-ca ${made.directory} --ca-file online-crt`
    const { status, stdout } = await onTerminal(made.home, words, [['Disable it? [yes/no] ', 'yes\r']])
    expect(status).toBe(0)
    expect(stdout).toContain('No online-ca will be left')
    expect((await knownOf(made)).disabledCaSerials).toEqual([await serialOf(made.path('online-crt'))])
  })
})

describe('invalid selections of device CAs', () => {
  test.each<[readonly string[], string, number]>([
    [[], 'ERR_USAGE', 2],
    [['--ca-file', ''], 'ERR_USAGE', 2],
    [['--ca-file', '../../etc/passwd'], 'ERR_USAGE', 2],
    [['--ca-file', './site-b.pem'], 'ERR_USAGE', 2],
    [['--ca-serial', ''], 'ERR_USAGE', 2],
    [['--ca-serial', '-5'], 'ERR_USAGE', 2],
    [['--ca-serial', '1e3'], 'ERR_USAGE', 2],
    [['--ca-serial', '0x'], 'ERR_USAGE', 2],
    [['--ca-serial', '0xZZ'], 'ERR_USAGE', 2],
    [['--ca-serial', '5A:5'], 'ERR_USAGE', 2],
    [['--ca-serial', '5A3B'], 'ERR_USAGE', 2],
    [['--ca-serial', '9'.repeat(65)], 'ERR_USAGE', 2],
    [['--ca-file', '/etc/passwd'], 'ERR_BAD_FILE', 6],
    [['--ca-file', '/dev/zero'], 'ERR_BAD_FILE', 6],
    [['--ca-file', 'nothing.pem'], 'ERR_BAD_FILE', 6],
    [['--ca-file', '/nothing.pem'], 'ERR_BAD_FILE', 6],
    [['--ca-file', 'local-ca.key'], 'ERR_BAD_FILE', 6],
    [['--ca-file', 'pipe'], 'ERR_BAD_FILE', 6],
    [['--ca-file', '/etc'], 'ERR_STORAGE', 3],
    [['--ca-file', '..'], 'ERR_STORAGE', 3],
  ])('%j: %s', async (words, code, status) => {
    const { home, directory } = await copiedPki()
    if (words.includes('pipe')) await output('mkfifo', [join(directory, 'pipe')])
    const [, name = ''] = words
    const names = code === 'ERR_USAGE' && words.length > 0 ? [words[0] ?? '', JSON.stringify(name)] : [name]
    await expectRefusal(home, ['ca', 'revoke-device-ca', directory, ...words], { status, code, names })
  })

  test('refuses the certificate of another PKI', async () => {
    const [{ home, directory }, other] = [await copiedPki(), await madePki()]
    const words = ['ca', 'revoke-device-ca', directory, '--ca-file', other.path('local-ca.pem')]
    const names = [other.path('local-ca.pem'), 'it is not signed by factory_ca.pem']
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_CERTIFICATE', names })
  })

  test('refuses a file with two certificates', async () => {
    const { home, directory, text } = await copiedPki()
    const path = join(home.path, 'two.pem')
    await writeFile(path, `${await text('local-ca.pem')}${await text('online-crt')}`)
    const words = ['ca', 'revoke-device-ca', directory, '--ca-file', path]
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_FILE', names: [path, '2 PEM blocks'] })
  })
})

test('ignores other files in the PKI directory', async () => {
  const { home, directory, siteB, ...made } = await pkiWithThreeCas()
  await writeFile(join(directory, 'a.pem'), 'no certificate')
  await mkdir(join(directory, 'b.pem'))
  await output('mkfifo', [join(directory, 'c.pem')])
  const { status, stdout } = await home.fpki(['ca', 'disable-device-ca', directory, '--ca-serial', siteB])
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('Disabled: site-b.pem') })
  expect((await knownOf(made)).disabledCaSerials).toEqual([siteB])
})

/** Hex as OpenSSL prints it. */
function colons(hex: string): string {
  return (hex.padStart(hex.length + (hex.length % 2), '0').match(/../g) ?? []).join(':')
}

/** The line that contains `start`, without `warning: `. */
function lineOf(start: string, text: string): string {
  return (
    text
      .split('\n')
      .find((line) => line.includes(start))
      ?.replace('warning: ', '') ?? start
  )
}
