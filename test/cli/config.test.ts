import { readFile, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configPathResult, loginResult, setConfigResult, showConfigResult } from '../../src/config/shown.js'
import { newFactory } from '../factory/support/embedded.js'
import { type Home, newHome } from '../support/cli.js'
import { factoryServer } from '../support/factory-server.js'
import { fioctlYaml, TOKEN } from './fioctl-yaml.js'
import { expectRefusal, expectWords } from './refusal.js'

async function json(home: Home, words: readonly string[], stdin = ''): Promise<unknown> {
  const { status, stdout, stderr } = await home.fpki([...words, '--json'], { stdin })
  expect({ words, status, stderr: status === 0 ? '' : stderr }).toEqual({ words, status: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('fpki config', () => {
  test('sets, shows and unsets settings in a private file', async () => {
    const home = await newHome()
    const { path } = configPathResult.parse(await json(home, ['config', 'path']))
    expect(path).toBe(join(home.path, '.config/fpki/config.yaml'))
    const set = setConfigResult.parse(await json(home, ['config', 'set', 'api', 'https://factory.example/']))
    expect(set).toEqual({ schemaVersion: 1, name: 'api', value: 'https://factory.example', file: path })
    expect(await readFile(path, 'utf8')).toBe('api: https://factory.example\n')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const { settings } = showConfigResult.parse(await json(home, ['config', 'show']))
    expect(settings[0]).toEqual({ name: 'api', value: 'https://factory.example', source: path })
    await json(home, ['config', 'unset', 'api'])
    expect(await readFile(path, 'utf8')).toBe('{}\n')
  })

  test('concurrent changes are all kept', async () => {
    const home = await newHome()
    const wanted = { api: 'embedded', factory: 'acme', timeout: '5', cacert: '/ca.pem', 'state-dir': '/state' }
    const set = (words: readonly string[]) => json(home, ['config', 'set', ...words])
    for (let round = 0; round < 3; round++) await Promise.all(Object.entries(wanted).map(set))
    const { settings } = showConfigResult.parse(await json(home, ['config', 'show']))
    expect(Object.fromEntries(settings.map(({ name, value }) => [name, value]))).toMatchObject({
      ...wanted,
      timeout: 5,
    })
  })

  test('timeout is a number in JSON, even by default', async () => {
    const home = await newHome()
    const timeout = async () => {
      const { settings } = showConfigResult.parse(await json(home, ['config', 'show']))
      return settings.find(({ name }) => name === 'timeout')?.value
    }
    expect(await timeout()).toBe(30)
    expect(await json(home, ['config', 'set', 'timeout', '5'])).toMatchObject({ name: 'timeout', value: 5 })
    expect(await timeout()).toBe(5)
    expect((await home.fpki(['config', 'show'])).stdout).toMatch(/^timeout +5 /m)
  })

  test('stores the absolute path of a CACERT', async () => {
    const home = await newHome()
    const set = setConfigResult.parse(await json(home, ['config', 'set', 'cacert', 'roots.pem']))
    expect(set.value).toBe(resolve('roots.pem'))
  })

  test('shows the source of each setting, but no secrets', async () => {
    const home = await newHome()
    const path = await fioctlYaml(home, { url: 'https://own.example' }, { token: TOKEN })
    const { stdout } = await home.fpki(['config', 'show', '--api', 'foundries'])
    expect(stdout).toMatch(new RegExp(`^server +https://own.example +${path}$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^credentials +a token \\(hidden\\) +${path}$`, 'm'))
    expect(stdout).toMatch(/^factory +acme /m)
    expect(stdout).not.toContain(TOKEN)
  })

  test.each([
    [['config', 'set', 'colour', 'red'], 'Unknown setting: "colour"'],
    [['config', 'set', 'api', 'http://factory.example'], 'http:// is only for this machine'],
    [['config', 'set', 'timeout', 'long'], 'Invalid timeout'],
    [['config', 'unset', 'pin'], 'The settings are api, factory'],
  ])('refuses %j', async (words, said) => {
    expectWords(await (await newHome()).fpki(words), { status: 2, code: 'ERR_USAGE', names: [said] })
  })
})

describe('with a fioctl configuration and no selected API', () => {
  test('a change is refused with the two choices, each of which works', async () => {
    const home = await newHome()
    await fioctlYaml(home, { url: 'https://own.example' }, { token: TOKEN })
    const directory = join(home.path, 'acme')
    const names = ['fioctl.yaml', '--api embedded or --api foundries', 'fpki config set api embedded']
    const refusal = { status: 3, code: 'ERR_API_NOT_CHOSEN', names }
    await expectRefusal(home, ['ca', 'create', directory], refusal)
    expect((await home.fpki(['ca', 'show', '--factory', 'acme'])).stderr).toContain('ERR_NOT_INITIALIZED')
    await json(home, ['config', 'set', 'api', 'embedded'])
    await json(home, ['ca', 'create', directory])
  })
})

describe('fpki login', () => {
  test('stores a token from stdin for its server, and logout removes it', async () => {
    const home = await newHome()
    const { api } = await newFactory()
    const server = await factoryServer(api)
    server.accepts = ({ headers }) => headers['osf-token'] === TOKEN
    await json(home, ['config', 'set', 'cacert', server.root])
    await json(home, ['config', 'set', 'factory', 'acme'])
    await json(home, ['config', 'set', 'api', server.url])
    const kept = loginResult.parse(await json(home, ['login', '--token-file', '-'], `${TOKEN}\n`))
    expect(kept).toMatchObject({ server: server.url, credentials: 'token' })
    expect((await stat(kept.file)).mode & 0o777).toBe(0o600)
    await json(home, ['api', 'ping'])
    expect(await json(home, ['logout'])).toMatchObject({ credentials: null })
    expect(await readFile(kept.file, 'utf8')).not.toContain(TOKEN)
    expect((await home.fpki(['api', 'ping'])).stderr).toContain('No credentials for')
  })

  test('requests tokens for client credentials, and stores nothing if that fails', async () => {
    const home = await newHome()
    const { api } = await newFactory()
    const server = await factoryServer(api)
    const secretFile = join(home.path, 'secret')
    await writeFile(secretFile, 'a-client-secret\n', { mode: 0o600 })
    const client = ['--client-id', 'me', '--client-secret-file', secretFile, '--oauth-url', `${server.url}/oauth`]
    const words = ['login', '--api', server.url, '--cacert', server.root, ...client]
    server.others.set('/oauth/token/', () => ({ status: 401, body: { error: 'invalid_client' } }))
    const refused = await home.fpki(words)
    expectWords(refused, { status: 4, code: 'ERR_API', names: ['401 Unauthorized'] })
    expect(refused.stderr).not.toContain('a-client-secret')
    const tokens = { access_token: 'access', refresh_token: 'refresh', token_type: 'Bearer', expires_in: 3600 }
    server.others.set('/oauth/token/', () => ({ status: 200, body: tokens }))
    await json(home, words)
    server.accepts = ({ headers }) => headers.authorization === `Bearer ${Buffer.from('access').toString('base64')}`
    await json(home, ['api', 'ping', '--api', server.url, '--cacert', server.root, '--factory', 'acme'])
  })

  test.each([
    [['login', '--token', 'x'], 'does not accept --token'],
    [['login'], 'no terminal to ask on'],
    [['login', '--client-id', 'me'], 'no terminal to ask on'],
    [['login', '--oauth-url', 'https://x.example'], 'Pass --client-id too'],
    [['login', '--client-id', 'me', '--token-file', '-'], 'mutually exclusive'],
    [['login', '--api', 'embedded'], 'does not use a login'],
  ])('refuses %j', async (words, said) => {
    expectWords(await (await newHome()).fpki(words), { status: 2, code: 'ERR_USAGE', names: [said] })
  })
})

test('--token works, with a warning', async () => {
  const home = await newHome()
  const { api } = await newFactory()
  const server = await factoryServer(api)
  const words = ['api', 'ping', '--api', server.url, '--cacert', server.root, '-f', 'acme', '-t', TOKEN]
  const { status, stderr } = await home.fpki(words)
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('Other users can see') })
  expect(server.seen[0]?.headers['osf-token']).toBe(TOKEN)
})

test('ping creates no factory', async () => {
  const refusal = { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['has no factory typo'] }
  await expectRefusal(await newHome(), ['api', 'ping', '--factory', 'typo'], refusal)
})
