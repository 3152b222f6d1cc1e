import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FactoryApi } from '../../src/factory/api.js'
import { newFactory } from '../factory/support/embedded.js'
import { type Ended, type Home, newHome, type Start } from '../support/cli.js'
import { type FactoryServer, type FaultRule, factoryServer, type ServerTls } from '../support/factory-server.js'
import { fioctlYaml, TOKEN } from './fioctl-yaml.js'

interface Scene {
  readonly home: Home
  readonly server: FactoryServer
  readonly behind: FactoryApi
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  run(words: readonly string[], start?: Start): Promise<Ended>
}

/** A HOME whose environment chooses a server that can misbehave; behind it is a factory that has no PKI yet. */
async function scene(tls: ServerTls = 'good'): Promise<Scene> {
  const home = await newHome()
  const { api: behind } = await newFactory()
  const server = await factoryServer(behind, tls)
  const env = { FPKI_API: server.url, FPKI_TOKEN: TOKEN, CACERT: server.root, FPKI_FACTORY: 'acme' }
  const run: Scene['run'] = async (words, start = {}) => {
    const ended = await home.fpki(words, { ...start, env: { ...env, ...start.env } })
    expect(`${ended.stdout}${ended.stderr}`).not.toContain(TOKEN)
    return ended
  }
  return { home, server, behind, directory: join(home.path, 'acme'), env, run }
}

async function done(ended: Promise<Ended>): Promise<string> {
  const { status, stdout, stderr } = await ended
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

const answer = (status: number, body: unknown, more: object = {}) =>
  ({ kind: 'answer', status, body: typeof body === 'string' ? body : JSON.stringify(body), ...more }) as const

test('every command works over HTTPS', async () => {
  const { behind, directory, run, server } = await scene()
  expect(await done(run(['api', 'ping']))).toMatch(/PKI +not set$/m)
  await done(run(['ca', 'create', directory]))
  const pinged = JSON.parse(await done(run(['api', 'ping', '--json'])))
  const { polisId } = await behind.getUser()
  expect(pinged).toMatchObject({ factory: 'acme', api: server.url, isSet: true, user: { polisId } })
  await done(run(['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b.pem']))
  await done(run(['ca', 'rotate-tls', directory]))
  await done(run(['est', 'authorize', directory]))
  await done(run(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b', '--yes']))
  const known = await behind.getCertificates()
  expect(known?.rootCrt).toBe(await readFile(join(directory, 'factory_ca.pem'), 'utf8'))
  expect(known?.tlsCrt).toBe(await readFile(join(directory, 'tls-crt'), 'utf8'))
  expect(known?.disabledCaSerials.length).toBe(1)
  const shown = JSON.parse(await done(run(['ca', 'show', '--json'])))
  expect(shown).toMatchObject({
    api: server.url,
    estTls: { role: 'est-tls' },
    disabledCaSerials: known?.disabledCaSerials,
  })
  for (const { headers } of server.seen) {
    expect(headers['osf-token']).toBe(TOKEN)
    expect(headers['user-agent']).toMatch(/^fpki\/\d/)
  }
})

test('--tls-name is refused for a server', async () => {
  const { directory, run } = await scene()
  const { status, stderr } = await run(['ca', 'create', directory, '--tls-name', 'x.example'])
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining('Omit --tls-name') })
})

describe('ca create fails if the server misbehaves, and succeeds when run again', () => {
  const certs = (method: string, fault: FaultRule['fault'], times = 1): FaultRule => ({
    ...{ method, part: '/certs/', times, fault },
  })
  test.each<readonly [string, FaultRule, string]>([
    ['401', certs('POST', answer(401, { msg: 'no such token' })), '401 Unauthorized: no such token'],
    ['403', certs('POST', answer(403, { message: 'not yours' })), '403 Forbidden: not yours'],
    ['404', certs('GET', answer(404, {})), '404 Not Found'],
    [
      '422',
      certs('PATCH', answer(422, { errors: ['tls-crt: bad', 'x'] })),
      '422 Unprocessable Entity: tls-crt: bad; x',
    ],
    ['422 by field', certs('PATCH', answer(422, { errors: { 'ca-crt': 'odd' } })), 'ca-crt: odd'],
    ['409 to the order', certs('POST', answer(409, { msg: 'just a moment' })), '409 Conflict: just a moment'],
    ['500 in the middle', certs('PATCH', answer(500, { msg: 'oops' })), '500 Internal Server Error: oops'],
    ['HTML', certs('GET', answer(200, '<html>', { headers: { 'Content-Type': 'text/html' } })), 'not a JSON object'],
    ['a 50 MB answer', certs('GET', answer(200, 'x'.repeat(50_000_000))), 'larger than 8 MiB'],
    ['a redirect', certs('GET', answer(302, '', { headers: { Location: 'https://evil.example/' } })), 'evil.example'],
    ['429 for an hour', certs('GET', answer(429, {}, { headers: { 'Retry-After': '3600' } })), '429 Too Many Requests'],
  ])('%s', async (_, rule, said) => {
    const { behind, directory, run, server } = await scene()
    server.faults.push(rule)
    const { status, stderr } = await run(['ca', 'create', directory, '--verbose'])
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining(said) })
    expect(stderr).toContain('[ERR_API]')
    expect(stderr).toContain('Nothing was changed there.')
    expect(await behind.getCertificates()).toBeNull()
    await done(run(['ca', 'create', directory]))
    expect((await behind.getCertificates())?.rootCrt).toBe(await readFile(join(directory, 'factory_ca.pem'), 'utf8'))
  })

  test.each(['expired', 'other-host'] as const)('%s certificate: nothing is sent', async (tls) => {
    const { directory, run, server } = await scene(tls)
    const { status, stdout } = await run(['ca', 'create', directory, '--json'])
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 4, code: 'ERR_API' })
    expect(server.seen).toEqual([])
  })
})

describe('ca create succeeds', () => {
  test.each<readonly [string, FaultRule['fault']]>([
    ['the connection is cut before the PATCH', { kind: 'cut-before' }],
    ['the connection is cut in its answer', { kind: 'cut-during' }],
    ['the connection is cut after it', { kind: 'cut-after' }],
    ['the body of its answer is slow', { kind: 'slow' }],
    ['it is a 500 behind the work', answer(500, {}, { works: true })],
    ['it is a 429 with Retry-After', answer(429, {}, { headers: { 'Retry-After': '1' } })],
  ])('when %s', async (_, fault) => {
    const { behind, directory, run, server } = await scene()
    server.faults.push({ method: 'PATCH', times: 1, fault })
    await done(run(['ca', 'create', directory], { env: { FPKI_TIMEOUT: '1' } }))
    expect((await behind.getCertificates())?.rootCrt).toBe(await readFile(join(directory, 'factory_ca.pem'), 'utf8'))
  })
})

describe('a configuration of fioctl', () => {
  test('works unchanged, and keeps its comments when tokens are refreshed', async () => {
    const { home, server } = await scene()
    const path = await fioctlYaml(home, server, { created: '2020-01-01T00:00:00Z' })
    const before = await readFile(path, 'utf8')
    server.accepts = ({ headers }) => headers.authorization === `Bearer ${Buffer.from('new-access').toString('base64')}`
    const tokens = { access_token: 'new-access', refresh_token: '0123', token_type: 'Bearer', expires_in: 3600 }
    server.others.set('/oauth/token/', () => ({ status: 200, body: tokens }))
    const env = { CACERT: server.root }
    const ping = async () => JSON.parse(await done(home.fpki(['api', 'ping', '--api', 'foundries', '--json'], { env })))
    expect(await ping()).toMatchObject({ factory: 'acme', api: server.url })
    const after = await readFile(path, 'utf8')
    const without = (text: string) =>
      text.replace(/^ {2}(access_token|refresh_token|token_type|expires_in|created):.*\n/gm, '')
    expect(without(after)).toBe(without(before))
    expect(after).toContain('access_token: new-access')
    expect(after).toContain('refresh_token: "0123"')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await ping()
    expect(server.seen.filter(({ path: asked }) => asked === '/oauth/token/').length).toBe(1)
  })

  test('is used for its own server only', async () => {
    const { home, server } = await scene()
    await writeFile(join(await configFolder(home), 'fioctl.yaml'), `token: ${TOKEN}\nfactory: acme\n`)
    const env = { CACERT: server.root, FIOCTL_TOKEN: TOKEN }
    const { status, stderr } = await home.fpki(['api', 'ping', '--api', server.url, '-f', 'acme'], { env })
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining('No credentials for') })
    expect(server.seen).toEqual([])
  })

  test('with an invalid CACERT is refused', async () => {
    const { home, server } = await scene()
    const cacert = join(home.path, 'roots.pem')
    const noCertificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    await writeFile(cacert, `${await readFile(server.root, 'utf8')}${noCertificate}`)
    const words = ['api', 'ping', '--api', server.url, '-f', 'acme', '--cacert', cacert]
    const { status, stderr } = await home.fpki(words, { env: { FPKI_TOKEN: TOKEN } })
    expect({ status, stderr }).toEqual({
      status: 6,
      stderr: expect.stringContaining(`${cacert} contains an invalid certificate`),
    })
    expect(server.seen).toEqual([])
  })

  test('with an indented CACERT, as YAML has it, works', async () => {
    const { home, server } = await scene()
    const cacert = join(home.path, 'roots.pem')
    await writeFile(cacert, (await readFile(server.root, 'utf8')).replace(/^/gm, '  '))
    const words = ['api', 'ping', '--api', server.url, '-f', 'acme', '--cacert', cacert, '--quiet']
    const { status, stderr } = await home.fpki(words, { env: { FPKI_TOKEN: TOKEN } })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test('with insecure_skip_verify causes a warning each time', async () => {
    const { home, server } = await scene()
    await fioctlYaml(home, server, { insecure: true, token: TOKEN })
    const { status, stderr } = await home.fpki(['api', 'ping', '--api', 'foundries', '--quiet'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('is not checked') })
  })
})

async function configFolder(home: Home): Promise<string> {
  const { mkdir } = await import('node:fs/promises')
  const folder = join(home.path, '.config')
  await mkdir(folder, { recursive: true })
  return folder
}
