import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { showPkiResult } from '../../src/operations/show/show-pki.js'
import { newHome, output } from '../support/cli.js'
import { hexOf } from './device-cas.js'
import { copiedPki, editCertificates, type Made, madePki, x509 } from './made.js'
import { expectRefusal, expectWords } from './refusal.js'
import { snapshot } from './snapshot.js'

/** The PKI of acme, and that of the factory bolt in the same embedded Factory API. */
async function twoFactories(): Promise<Made> {
  const made = await copiedPki()
  expect(await made.home.fpki(['ca', 'create', join(made.home.path, 'bolt'), '--quiet'])).toMatchObject({ status: 0 })
  return made
}

const ONLY_PEM = /^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n)+$/

describe('the PEM output of show', () => {
  test('has every certificate in the Factory API', async () => {
    const { home, text, path } = await copiedPki()
    const { stdout, stderr } = await home.fpki(['ca', 'show'])
    await writeFile(path('all.pem'), stdout)
    expect(await output('openssl', ['storeutl', '-noout', '-certs', path('all.pem')])).toContain('Total found: 4')
    for (const name of ['factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.pem']) {
      expect(stdout).toContain(await text(name))
    }
    expect(stderr).toBe('')
  })

  test.each([
    ['--just-root', ['factory_ca.pem']],
    ['--just-tls', ['tls-crt']],
    ['--just-device-cas', ['online-crt', 'local-ca.pem']],
    ['--just-root=true', ['factory_ca.pem']],
  ])('has only the selected certificates with %s', async (flag, files) => {
    const { home, text } = await copiedPki()
    const { stdout, stderr } = await home.fpki(['ca', 'show', flag])
    expect(stdout).toMatch(ONLY_PEM)
    expect(stdout).toBe((await Promise.all(files.map(text))).join(''))
    expect(stderr).toBe('')
  })

  test('works with openssl verify', async () => {
    const { home, path } = await copiedPki()
    for (const [flag, name] of [
      ['--just-root', 'root.pem'],
      ['--just-device-cas', 'cas.pem'],
    ] as const) {
      await writeFile(path(name), (await home.fpki(['ca', 'show', flag])).stdout)
    }
    expect(await output('openssl', ['verify', '-CAfile', path('root.pem'), path('cas.pem')])).toContain('OK')
  })

  test('is all that show prints', async () => {
    const { home } = await copiedPki()
    const before = await snapshot(home.path)
    for (const words of [[], ['--pretty'], ['--json']]) await home.fpki(['ca', 'show', ...words])
    expect(await snapshot(home.path)).toEqual(before)
  })
})

describe('show --json', () => {
  test('prints one valid document that agrees with OpenSSL', async () => {
    const { home, path, text } = await copiedPki()
    const { stdout, stderr } = await home.fpki(['ca', 'show', '--json'])
    const { root, tls, deviceCas, ...rest } = showPkiResult.parse(JSON.parse(stdout))
    expect(stderr).toBe('')
    expect(rest).toMatchObject({ factory: 'acme', estTls: null, disabledCaSerials: [] })
    const shown = { 'factory_ca.pem': root, 'tls-crt': tls, 'online-crt': deviceCas[0], 'local-ca.pem': deviceCas[1] }
    for (const [name, certificate] of Object.entries(shown)) {
      const serial = BigInt(`0x${(await x509(path(name), '-serial')).replace('serial=', '')}`)
      const fingerprint = (await x509(path(name), '-fingerprint', '-sha256')).replace(/^.*=/, '').replaceAll(':', '')
      expect(certificate).toMatchObject({ serial: `${serial}`, fingerprint: fingerprint.toLowerCase() })
      expect(certificate).toMatchObject({ pem: await text(name), signedByRoot: true, disabled: false })
    }
    expect([root.role, tls?.role, ...deviceCas.map(({ role }) => role)]).toEqual([
      'root',
      'tls',
      'online-ca',
      'local-ca',
    ])
  })
})

describe('show refuses two formats', () => {
  const WAYS = ['--pretty', '--json', '--just-root', '--just-tls', '--just-device-cas']
  const pairs = WAYS.flatMap((one, index) => WAYS.slice(index + 1).map((other) => [one, other] as const))

  test.each(pairs)('%s with %s', async (one, other) => {
    // A usage error is detected without a PKI.
    const home = await newHome()
    const { status, stdout, stderr } = await home.fpki(['ca', 'show', one, other])
    expect(status).toBe(2)
    const message = [one, other].includes('--json') ? stdout : stderr
    expect(message).toContain(one)
    expect(message).toContain(other)
    expect(`${stdout}${stderr}`).not.toContain('BEGIN CERTIFICATE')
  })
})

describe('show lists disabled device CAs', () => {
  test('in every format, and marks the certificate', async () => {
    const made = await copiedPki()
    const { home, path } = made
    const serial = BigInt(`0x${(await x509(path('local-ca.pem'), '-serial')).replace('serial=', '')}`).toString()
    await editCertificates(made, { disabledCaSerials: [serial] })
    const [pem, pretty, json] = await Promise.all(
      [[], ['--pretty'], ['--json']].map(async (words) => (await home.fpki(['ca', 'show', ...words])).stdout),
    )
    expect(pem).toMatch(new RegExp(`disabled device CAs\n - ${serial}\n`))
    expect(pretty).toMatch(new RegExp(`disabled device CAs\n {2}${hexOf(serial)}\n`))
    expect(pretty).toMatch(/^└── local-ca .*DISABLED$/m)
    expect(pretty).not.toMatch(/online-ca .*DISABLED/)
    const { disabledCaSerials, deviceCas } = showPkiResult.parse(JSON.parse(json ?? ''))
    expect(disabledCaSerials).toEqual([serial])
    expect(deviceCas.map(({ disabled }) => disabled)).toEqual([false, true])
  })

  test('even without its certificate', async () => {
    const made = await copiedPki()
    await editCertificates(made, { disabledCaSerials: ['4711'] })
    expect((await made.home.fpki(['ca', 'show', '--pretty'])).stdout).toContain('  12:67\n')
  })
})

describe('the factory that show selects', () => {
  test('is the only one', async () => {
    const { home } = await copiedPki()
    expect((await home.fpki(['ca', 'show', '--json'])).stdout).toContain('"factory": "acme"')
  })

  test('is missing: prints how to create one', async () => {
    const home = await newHome()
    await expectRefusal(home, ['ca', 'show'], {
      status: 3,
      code: 'ERR_NOT_INITIALIZED',
      names: ['No factory exists yet', 'fpki ca create', 'FPKI_STATE_DIR'],
    })
  })

  test('has no PKI: prints its name', async () => {
    const { home } = await copiedPki()
    await expectRefusal(home, ['ca', 'show', '--factory', 'other'], {
      status: 3,
      code: 'ERR_NOT_INITIALIZED',
      names: ['The factory other has no PKI yet'],
    })
  })

  test('is ambiguous: lists all', async () => {
    const { home } = await copiedPki(twoFactories)
    await expectRefusal(home, ['ca', 'show'], { status: 2, code: 'ERR_USAGE', names: ['acme, bolt', '--factory'] })
    for (const factory of ['acme', 'bolt']) {
      const { stdout } = await home.fpki(['ca', 'show', '--pretty', '-f', factory])
      expect(stdout).toContain(`OU=${factory}`)
    }
    expect((await home.fpki(['ca', 'show', '--json'], { env: { FIOCTL_FACTORY: 'bolt' } })).stdout).toContain('OU=bolt')
  })

  test('is not another one copied into its directory', async () => {
    const { home } = await copiedPki()
    const copy = join(home.state, 'factories', 'other')
    await cp(join(home.state, 'factories', 'acme'), copy, { recursive: true })
    await expectRefusal(home, ['ca', 'show', '-f', 'other'], { status: 6, code: 'ERR_BAD_FILE', names: [copy] })
  })
})

test('show --just-device-cas fails if there are none', async () => {
  const { home } = await madePki(['--no-online-ca', '--no-local-ca'])
  expectWords(await home.fpki(['ca', 'show', '--just-device-cas']), {
    status: 3,
    code: 'ERR_NOT_INITIALIZED',
    names: ['no device CA'],
  })
})

describe('show of a PKI directory', () => {
  test('uses its factory and Factory API, even by a relative path', async () => {
    const { home } = await copiedPki()
    await home.fpki(['ca', 'create', join(home.path, 'bolt'), '--state-dir', join(home.path, 'elsewhere')])
    const shown = async (words: readonly string[], start = {}) => {
      const { status, stdout } = await home.fpki(['ca', 'show', ...words, '--json'], start)
      expect(status).toBe(0)
      return showPkiResult.parse(JSON.parse(stdout))
    }
    expect(await shown([join(home.path, 'bolt')])).toMatchObject({
      factory: 'bolt',
      api: `embedded (${join(home.path, 'elsewhere')})`,
    })
    expect(await shown(['bolt'], { cwd: home.path })).toMatchObject({ factory: 'bolt' })
    await home.fpki(['ca', 'create', join(home.path, 'coil')])
    expect(await shown([join(home.path, 'coil')])).toMatchObject({ factory: 'coil', api: `embedded (${home.state})` })
  })

  test('uses the Factory API of --api rather than the recorded one', async () => {
    const { home } = await copiedPki()
    const words = ['ca', 'show', join(home.path, 'acme'), '--state-dir', join(home.path, 'empty')]
    await expectRefusal(home, words, {
      status: 3,
      code: 'ERR_NOT_INITIALIZED',
      names: ['has no PKI for the factory acme yet'],
    })
  })

  test('prints a hint that works with two factories', async () => {
    const { home } = await copiedPki(twoFactories)
    const { stderr } = await home.fpki(['ca', 'show'])
    const [, factory = ''] = /--factory (\w+)/.exec(stderr) ?? []
    expect((await home.fpki(['ca', 'show', '--factory', factory])).status).toBe(0)
  })

  test('refuses a directory without a PKI', async () => {
    const { home } = await copiedPki()
    const names = [join(home.path, 'nothing')]
    await expectRefusal(home, ['ca', 'show', names[0] ?? ''], { status: 3, code: 'ERR_NOT_A_DIRECTORY', names })
  })
})

test('ca show and est show of a directory refuse the PKI of another root', async () => {
  const { home } = await copiedPki()
  const other = join((await newHome()).path, 'acme')
  const state = { env: { FPKI_STATE_DIR: join(home.path, 'other state') } }
  expect((await home.fpki(['ca', 'create', other], state)).status).toBe(0)
  // As in a directory of fioctl, nothing records the Factory API.
  await rm(join(other, '.fpki'), { recursive: true })
  const refusal = { status: 3, code: 'ERR_OTHER_ROOT', names: [other, 'factory acme'] }
  const empty = { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['has no PKI for the factory acme', '--api'] }
  for (const group of ['ca', 'est']) {
    await expectRefusal(home, [group, 'show', other], refusal)
    await expectRefusal(home, [group, 'show', other], empty, { env: { FPKI_STATE_DIR: join(home.path, 'empty') } })
  }
})
