import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newHome, output } from '../support/cli.js'
import { dnsNamesOf, factoryOf, madePki, namesOf, x509 } from './made.js'
import { namesBelow } from './snapshot.js'

const ROOT_AND_TLS = ['factory_ca.key', 'factory_ca.pem', 'tls-crt']
const ONLINE = ['online-crt']
const LOCAL = ['local-ca.key', 'local-ca.pem']

describe('the device CAs of create', () => {
  test.each([
    ['--online-ca', [...ONLINE, ...LOCAL]],
    ['--online-ca=true', [...ONLINE, ...LOCAL]],
    ['--local-ca=true', [...ONLINE, ...LOCAL]],
    ['--online-ca=false', LOCAL],
    ['--no-online-ca', LOCAL],
    ['--local-ca=false', ONLINE],
    ['--no-local-ca', ONLINE],
    ['--online-ca=false --local-ca=true', LOCAL],
    ['--online-ca=0 --local-ca=f', []],
    ['--no-online-ca --no-local-ca', []],
  ])('%s', async (flags, deviceCas) => {
    const { directory, stateFile } = await madePki(flags.split(' '))
    const files = (await readdir(directory)).filter((name) => name !== '.fpki').sort()
    expect(files).toEqual([...ROOT_AND_TLS, ...deviceCas].sort())
    const { certificates } = JSON.parse(await readFile(stateFile, 'utf8'))
    const known = await Promise.all(
      ['online-crt', 'local-ca.pem']
        .filter((name) => deviceCas.includes(name))
        .map((name) => readFile(join(directory, name), 'utf8')),
    )
    expect(certificates.caCrt).toBe(known.length === 0 ? null : known.join('\n'))
  })

  test('without online-ca, the Factory API generates no key for it', async () => {
    const { home } = await madePki(['--no-online-ca'])
    expect(await namesBelow(join(home.state, 'factories', 'acme', 'keys'))).toEqual(['tls-1.key'])
  })
})

describe('the names of tls-crt', () => {
  test('are <factory>.localhost and localhost by default', async () => {
    const { path } = await madePki()
    expect(await dnsNamesOf(path('tls-crt'))).toEqual(['acme.localhost', 'localhost'])
  })

  test('are those of --tls-name, in order', async () => {
    const { path } = await madePki(['--tls-name', 'gw.acme.example', '--tls-name=*.gw.acme.example'])
    expect(await dnsNamesOf(path('tls-crt'))).toEqual(['gw.acme.example', '*.gw.acme.example'])
  })

  test('are lower-case ASCII (RFC 5891)', async () => {
    const { path } = await madePki(['--tls-name', 'GW.Acme.Example', '--tls-name', 'bücher.example'])
    expect(await dnsNamesOf(path('tls-crt'))).toEqual(['gw.acme.example', 'xn--bcher-kva.example'])
  })

  test('may be longer than a common name', async () => {
    const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`
    const { path } = await madePki(['--tls-name', name])
    expect(await dnsNamesOf(path('tls-crt'))).toEqual([name])
  })

  test('may be IP addresses, which follow the DNS names', async () => {
    const names = ['10.20.30.1', 'gw.acme.example', '2001:DB8:0::1', '2001:db8::1']
    const { path, home } = await madePki(names.map((name) => `--tls-name=${name}`))
    const wanted = ['DNS:gw.acme.example', 'IP Address:10.20.30.1', 'IP Address:2001:DB8:0:0:0:0:0:1']
    expect(await namesOf(path('tls-crt'))).toEqual(wanted)
    const csr = JSON.parse(await readFile(join(home.state, 'factories/acme/factory.json'), 'utf8')).csrs[0].csr
    expect(await output('openssl', ['req', '-noout', '-text'], { stdin: csr })).toContain(wanted.join(', '))
    const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', path('factory_ca.pem')]
    for (const by of [
      ['-verify_ip', '10.20.30.1'],
      ['-verify_ip', '2001:db8::1'],
      ['-verify_hostname', 'gw.acme.example'],
    ])
      expect(await output('openssl', [...verify, ...by, path('tls-crt')])).toBe(`${path('tls-crt')}: OK\n`)
  })

  test('may be a single IP address, also as common name', async () => {
    const { path } = await madePki(['--tls-name', '2001:db8::1'])
    expect(await namesOf(path('tls-crt'))).toEqual(['IP Address:2001:DB8:0:0:0:0:0:1'])
    expect(await x509(path('tls-crt'), '-subject', '-nameopt', 'sname')).toContain('CN=2001:db8::1')
  })

  test.each([
    '10.20.30.256',
    '10.20.30',
    '010.20.30.1',
    '2001:db8::g',
    'fe80::1%eth0',
    '[2001:db8::1]',
    '1::2::3',
    ':',
  ])('is refused if %s', async (name) => {
    const home = await newHome()
    const { status, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme'), '--tls-name', name])
    expect(status).toBe(2)
    expect(stderr).toContain(`The TLS name "${name}" is neither a DNS name nor an IP address.`)
    expect(stderr).toContain('(--tls-name).')
  })

  test('are deduplicated', async () => {
    const { path } = await madePki(['--tls-name', 'gw.acme.example', '--tls-name', 'GW.acme.example'])
    expect(await dnsNamesOf(path('tls-crt'))).toEqual(['gw.acme.example'])
  })
})

describe('the factory', () => {
  const FLAG = ['--factory', 'by-flag']
  const FPKI_FACTORY = { FPKI_FACTORY: 'by-fpki' }
  const FIOCTL_FACTORY = { FIOCTL_FACTORY: 'by-fioctl' }
  test.each([
    ['--factory before everything', 'by-flag', FLAG, { ...FPKI_FACTORY, ...FIOCTL_FACTORY }],
    ['FPKI_FACTORY before FIOCTL_FACTORY', 'by-fpki', [], { ...FPKI_FACTORY, ...FIOCTL_FACTORY }],
    ['FIOCTL_FACTORY before the directory', 'by-fioctl', [], FIOCTL_FACTORY],
    ['an empty variable is none', 'by-fioctl', [], { FPKI_FACTORY: '', ...FIOCTL_FACTORY }],
    ['-f is --factory', 'short', ['-f', 'short'], FPKI_FACTORY],
    ['the directory’s base name when nothing is said', 'by-directory', [], {}],
  ])('%s', async (_, factory, words, env) => {
    const home = await newHome()
    const directory = join(home.path, 'by-directory')
    const { status } = await home.fpki(['ca', 'create', directory, ...words], { env })
    expect(status).toBe(0)
    expect(await factoryOf(directory)).toBe(factory)
    expect(await namesBelow(join(home.state, 'factories'))).toContain(factory)
  })

  test('ignores a trailing slash of the directory', async () => {
    const home = await newHome()
    await home.fpki(['ca', 'create', `${join(home.path, 'acme')}//`])
    expect(await factoryOf(join(home.path, 'acme'))).toBe('acme')
  })

  test.each(['a.b_c-D9', '...'])('may be called %s', async (factory) => {
    const home = await newHome()
    const directory = join(home.path, 'pki')
    expect((await home.fpki(['ca', 'create', directory, `--factory=${factory}`])).status).toBe(0)
    expect(await factoryOf(directory)).toBe(factory)
  })
})

describe('the state directory of the embedded factory', () => {
  test.each([
    ['~/.local/share/fpki', '.local/share/fpki', {}],
    ['$XDG_DATA_HOME/fpki', 'data/fpki', { XDG_DATA_HOME: 'data' }],
    ['FPKI_STATE_DIR before XDG_DATA_HOME', 'state', { FPKI_STATE_DIR: 'state', XDG_DATA_HOME: 'data' }],
  ])('%s', async (_, expected, relative) => {
    const home = await newHome()
    const env = Object.fromEntries(Object.entries(relative).map(([name, value]) => [name, join(home.path, value)]))
    const { status } = await home.fpki(['ca', 'create', join(home.path, 'acme')], { env })
    expect(status).toBe(0)
    const state = (await namesBelow(home.path)).filter((name) => name.endsWith('factory.json'))
    expect(state).toEqual([join(expected, 'factories', 'acme', 'factory.json')])
    expect((await home.fpki(['ca', 'show', '--just-root'], { env })).status).toBe(0)
  })

  test('ignores a relative XDG_DATA_HOME, as the specification requires', async () => {
    const home = await newHome()
    const start = { env: { XDG_DATA_HOME: 'data' }, cwd: home.path }
    expect((await home.fpki(['ca', 'create', join(home.path, 'acme')], start)).status).toBe(0)
    expect(await readdir(home.path)).not.toContain('data')
  })

  test.each([['--api', 'embedded'], ['--api=embedded']])('may be selected by name: %s', async (...words) => {
    const { path } = await madePki(words)
    expect(await dnsNamesOf(path('tls-crt'))).toContain('localhost')
  })
})
