import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { baseUrl, readApi } from '../../src/config/api-choice.js'
import { connectionTo } from '../../src/config/connection.js'
import type { Settings } from '../../src/config/model.js'
import { requireChosenApi } from '../../src/config/require-chosen-api.js'
import { resolveSettings } from '../../src/config/resolve.js'
import type { Environment, SettingsFlags } from '../../src/config/settings.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { temporaryDirectory } from '../support/cli.js'

const files = durableFiles(nodeFileSystem())
const OWN = '.config/fpki/config.yaml'
const LOGINS = '.config/fpki/credentials.yaml'
const FIOCTL = '.config/fioctl.yaml'
const FOUNDRIES = 'https://api.foundries.io'

/** The settings of a HOME with these files. */
async function settingsWith(
  texts: Readonly<Record<string, string>>,
  flags: SettingsFlags = {},
  env: Environment = {},
): Promise<Settings & { readonly home: string }> {
  const home = await temporaryDirectory()
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(home, name)), { recursive: true })
    await writeFile(join(home, name), text)
  }
  return { ...(await resolveSettings(flags, { env, home }, files)), home }
}

describe('a setting', () => {
  const own = { [OWN]: 'api: foundries\nfactory: own\ntimeout: 7\n' }
  test('is taken from the flag, then the variable, then the configuration, then the default', async () => {
    const env = { FPKI_API: 'https://variable.example/', FIOCTL_FACTORY: 'fioctl', CACERT: '/ca.pem' }
    const byFlag = await settingsWith(own, { api: 'embedded', factory: 'flag' }, env)
    expect(byFlag).toMatchObject({ api: { value: 'embedded', source: '--api' }, factory: { source: '--factory' } })
    const byVariable = await settingsWith(own, {}, env)
    expect(byVariable.api).toEqual({ value: 'https://variable.example', source: 'FPKI_API' })
    expect(byVariable.factory).toEqual({ value: 'fioctl', source: 'FIOCTL_FACTORY' })
    expect(byVariable.cacert).toEqual({ value: '/ca.pem', source: 'CACERT' })
    const byFile = await settingsWith(own, {}, { FPKI_API: '' })
    expect(byFile.api).toEqual({ value: 'foundries', source: join(byFile.home, OWN) })
    expect(byFile.timeout).toEqual({ value: '7', source: join(byFile.home, OWN) })
    const byNothing = await settingsWith({})
    expect(byNothing.api).toEqual({ value: 'embedded', source: 'default' })
    expect(byNothing.factory).toEqual({ value: null, source: 'default' })
    expect(byNothing.timeout).toEqual({ value: '30', source: 'default' })
  })

  test.each([
    ['colour: red\n', '"colour" is unknown'],
    ['api: {a: b}\n', '"api" is unknown or has the wrong type'],
    ['- api\n', 'it is not a mapping of settings'],
  ])('in %j is refused', async (text, said) => {
    await expect(settingsWith({ [OWN]: text })).rejects.toMatchObject({
      ...{ code: 'ERR_BAD_FILE', message: expect.stringContaining(said) },
    })
  })

  test.each([
    { api: 'http://factory.example' },
    { api: '' },
    { api: 'foundry' },
    { api: 'https://me:secret@factory.example' },
    { api: 'https://factory.example/?x=1' },
    { factory: 'a/b' },
    { timeout: '0' },
    { timeout: '1.5' },
    { stateDir: '' },
  ])('%j is refused without showing a password', async (flags) => {
    const error = await settingsWith({}, flags).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'ERR_USAGE' })
    expect(`${error.message}${error.hint}`).not.toContain('secret')
  })

  test('for the API may be HTTP only on this machine', () => {
    for (const host of ['127.0.0.1:8443', 'localhost', '[::1]:1']) {
      expect(baseUrl(`http://${host}/`, 'x')).toBe(`http://${host}`)
    }
    expect(() => baseUrl('http://127.0.0.1.evil.example', 'x')).toThrow('Unknown Factory API')
    expect(() => baseUrl('http://localhost.evil.example', 'x')).toThrow('Unknown Factory API')
  })
})

describe('credentials', () => {
  const credentialsOf = async (settings: Settings, api = settings.api.value) =>
    (await connectionTo(readApi(api, 'x'), settings, files)).credentials

  test('come from the flag, then the environment, then a login, then fioctl', async () => {
    const all = { [LOGINS]: `${FOUNDRIES}:\n  token: kept\n`, [FIOCTL]: 'token: fioctls\n' }
    const env = { FPKI_TOKEN: 'fpkis', FIOCTL_TOKEN: 'variable' }
    const token = async (...scene: Parameters<typeof settingsWith>) =>
      credentialsOf(await settingsWith(...scene), 'foundries').then((credentials) =>
        credentials.kind === 'token' ? credentials.token : null,
      )
    expect(await token(all, { token: 'flag' }, env)).toBe('flag')
    expect(await token(all, {}, env)).toBe('fpkis')
    expect(await token(all, {}, { FIOCTL_TOKEN: 'variable' })).toBe('variable')
    expect(await token(all)).toBe('kept')
    expect(await token({ [FIOCTL]: 'token: fioctls\n' })).toBe('fioctls')
  })

  test('of fioctl and of a login are only used for their own server', async () => {
    const all = { [LOGINS]: `${FOUNDRIES}:\n  token: kept\n`, [FIOCTL]: 'token: fioctls\nextraheaders: {x: y}\n' }
    const settings = await settingsWith(all, {}, { FIOCTL_TOKEN: 'variable' })
    const refusal = { code: 'ERR_API', message: expect.stringContaining('No credentials'), hint: expect.any(String) }
    await expect(credentialsOf(settings, 'https://other.example')).rejects.toMatchObject(refusal)
    const said = await settingsWith(all, { token: 'flag' })
    const connection = await connectionTo(readApi('https://other.example', 'x'), said, files)
    expect(connection).toMatchObject({ extraHeaders: {}, insecure: false, credentials: { token: 'flag' } })
  })

  test('go to the server in fioctl’s configuration, with its headers', async () => {
    const fioctl =
      'token: t\nserver:\n  url: https://own.example/\n  insecure_skip_verify: true\nextraheaders:\n  X-A: b\n'
    const settings = await settingsWith({ [FIOCTL]: fioctl }, {}, { TOKEN_HEADER: 'X-Token', HTTPS_PROXY: 'p:1' })
    expect(await connectionTo({ kind: 'foundries' }, settings, files)).toMatchObject({
      ...{ url: 'https://own.example', insecure: true, extraHeaders: { 'X-A': 'b' }, proxy: 'p:1' },
      credentials: { kind: 'token', header: 'X-Token', token: 't' },
    })
  })

  test('of OAuth are read in fioctl’s format, ignoring an empty token', async () => {
    const text = 'token: ""\nclientcredentials:\n  client_id: 0042\n  client_secret: s\n  expires_in: 3600\n'
    const credentials = await credentialsOf(await settingsWith({ [FIOCTL]: text }), 'foundries')
    expect(credentials).toMatchObject({
      kind: 'client',
      client: { clientId: '0042', clientSecret: 's', url: 'https://app.foundries.io/oauth' },
      tokens: null,
    })
  })

  test.each([
    [{ token: 'a b' }, {}],
    [{ token: 'a\nb' }, {}],
    [{ token: 'ab' }, { TOKEN_HEADER: 'a b' }],
  ])('that cannot stand in a header are refused: %j %j', async (flags, env) => {
    const refused = credentialsOf(await settingsWith({}, flags, env), 'foundries')
    await expect(refused).rejects.toMatchObject({ code: 'ERR_USAGE', message: expect.not.stringContaining('a b') })
  })

  test.each(['X-A: "a\\nb"', 'X A: b', 'X-A: ä', 'X-A: [b]'])('with a header %j are refused', async (header) => {
    const settings = await settingsWith({ [FIOCTL]: `token: t\nextraheaders:\n  ${header}\n` })
    const message = expect.stringContaining('"extraheaders.')
    await expect(credentialsOf(settings, 'foundries')).rejects.toMatchObject({ code: 'ERR_BAD_FILE', message })
  })

  test('in a named configuration that does not exist are an error', async () => {
    for (const [flags, env] of [
      [{ config: '/nowhere/fioctl.yaml' }, {}],
      [{}, { FIOCTL_CONFIG: '/nowhere/fioctl.yaml' }],
    ] as const) {
      const refused = credentialsOf(await settingsWith({}, flags, env), 'foundries')
      await expect(refused).rejects.toMatchObject({ code: 'ERR_USAGE', message: 'No such file: /nowhere/fioctl.yaml.' })
    }
  })
})

describe('a change', () => {
  const chosen = async (...scene: Parameters<typeof settingsWith>) =>
    requireChosenApi(await settingsWith(...scene), files)

  test.each<readonly [string, Readonly<Record<string, string>>, Environment]>([
    ['a token of fioctl', { [FIOCTL]: 'token: t\n' }, {}],
    ['client credentials of fioctl', { [FIOCTL]: 'clientcredentials:\n  client_id: me\n' }, {}],
    ['FIOCTL_TOKEN', {}, { FIOCTL_TOKEN: 't' }],
    ['a login', { [LOGINS]: 'https://x.example:\n  token: t\n' }, {}],
  ])('requires a choice of the API when there is %s', async (_, texts, env) => {
    const refusal = { code: 'ERR_API_NOT_CHOSEN', hint: expect.stringMatching(/embedded.*foundries/) }
    await expect(chosen(texts, {}, env)).rejects.toMatchObject(refusal)
    await expect(chosen(texts, { api: 'embedded' }, env)).resolves.toBeUndefined()
    await expect(chosen(texts, {}, { ...env, FPKI_API: 'foundries' })).resolves.toBeUndefined()
    await expect(chosen({ ...texts, [OWN]: 'api: embedded\n' }, {}, env)).resolves.toBeUndefined()
  })

  test('goes to the embedded API when there are no other credentials', async () => {
    await expect(chosen({})).resolves.toBeUndefined()
    await expect(chosen({ [FIOCTL]: 'factory: acme\ntoken: ""\n' })).resolves.toBeUndefined()
  })
})
