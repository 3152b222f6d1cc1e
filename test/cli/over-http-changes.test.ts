import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FactoryApi } from '../../src/factory/api.js'
import { newFactory } from '../factory/support/embedded.js'
import { type Ended, newHome, output } from '../support/cli.js'
import { type FactoryServer, type FaultRule, factoryServer } from '../support/factory-server.js'
import { entriesOf, serialOf } from './device-cas.js'
import { TOKEN } from './fioctl-yaml.js'
import { knowsOfBackup } from './made.js'

interface Scene {
  readonly server: FactoryServer
  readonly behind: FactoryApi
  readonly directory: string
  run(words: readonly string[]): Promise<Ended>
  /** Runs a command that must succeed; resolves to its JSON. */
  json(words: readonly string[]): Promise<Record<string, unknown>>
}

/** A PKI with online-ca, local-ca and site-b, made over HTTPS. */
async function scene(): Promise<Scene> {
  const home = await newHome()
  const { api: behind } = await newFactory()
  const server = await factoryServer(behind)
  const env = { FPKI_API: server.url, FPKI_TOKEN: TOKEN, CACERT: server.root, FPKI_FACTORY: 'acme' }
  const directory = join(home.path, 'acme')
  const run: Scene['run'] = async (words) => {
    const ended = await home.fpki(words, { env })
    expect(`${ended.stdout}${ended.stderr}`).not.toContain(TOKEN)
    return ended
  }
  const json: Scene['json'] = async (words) => {
    const { status, stdout, stderr } = await run([...words, '--json'])
    expect({ words, status, stderr: status === 0 ? '' : stderr }).toEqual({ words, status: 0, stderr: '' })
    return JSON.parse(stdout)
  }
  await json(['ca', 'create', directory])
  await json(['ca', 'add-device-ca', directory, '--local-ca', '--local-ca-filename', 'site-b.pem'])
  return { server, behind, directory, run, json }
}

/** The serial numbers of the device CAs that the API has, as OpenSSL reads them. */
async function serialsOf(api: FactoryApi): Promise<readonly string[]> {
  const { caCrt } = (await api.getCertificates()) ?? {}
  const blocks = caCrt?.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g) ?? []
  const lines = blocks.map((stdin) => output('openssl', ['x509', '-noout', '-serial'], { stdin }))
  return (await Promise.all(lines)).map((line) => BigInt(`0x${line.replace('serial=', '').trim()}`).toString())
}

async function crlOf(api: FactoryApi) {
  return entriesOf((await api.getCertificates())?.caRevokeCrl ?? '')
}

test('disable, enable and revoke reach the server as CRLs of the root', async () => {
  const { behind, directory, json } = await scene()
  const siteB = await serialOf(join(directory, 'site-b.pem'))
  const known = async () => (await behind.getCertificates())?.disabledCaSerials
  const change = (action: string, ...more: string[]) =>
    json(['ca', `${action}-device-ca`, directory, '--ca-serial', siteB, ...more])

  expect(await change('disable', '--dry-run')).toMatchObject({ changed: false })
  expect(await known()).toEqual([])
  expect(await change('disable')).toMatchObject({ action: 'disable', changed: true })
  expect([await known(), await crlOf(behind)]).toEqual([[siteB], [[siteB, 'Certificate Hold']]])
  expect(await change('enable')).toMatchObject({ changed: true })
  expect([await known(), await crlOf(behind)]).toEqual([[], [[siteB, 'Remove From CRL']]])
  expect(await change('revoke', '--yes')).toMatchObject({ changed: true })
  expect(await crlOf(behind)).toEqual([[siteB, 'Privilege Withdrawn']])
  expect(await serialsOf(behind)).not.toContain(siteB)
  expect((await serialsOf(behind)).length).toBe(2)
})

test('verify and status query the server and change nothing', async () => {
  const { server, behind, directory, run, json } = await scene()
  const before = await behind.getCertificates()
  const begin = server.seen.length
  await knowsOfBackup(directory)
  expect(await json(['ca', 'verify', directory])).toMatchObject({ api: server.url, result: 'ok' })
  expect(await json(['ca', 'status'])).toMatchObject({ state: 'fine', pkis: [{ directory: null, factory: 'acme' }] })
  expect((await run(['ca', 'status', '--warn-days', '10000'])).status).toBe(10)
  expect((await run(['ca', 'status', '--prometheus'])).stdout).toContain('fpki_certificate_')
  expect(new Set(server.seen.slice(begin).map(({ method }) => method))).toEqual(new Set(['GET']))
  expect(await behind.getCertificates()).toEqual(before)

  await json(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b'])
  const { status, stdout } = await run(['ca', 'verify', directory, '--json'])
  expect({ status, ...JSON.parse(stdout) }).toMatchObject({ status: 0, result: 'warning' })
  expect(stdout).toContain('api.disabled')
})

test.each<readonly [string, FaultRule['fault']]>([
  ['cut before the PATCH', { kind: 'cut-before' }],
  ['cut after the PATCH', { kind: 'cut-after' }],
])('revoke succeeds if the connection is %s', async (_, fault) => {
  const { server, behind, directory, json } = await scene()
  const siteB = await serialOf(join(directory, 'site-b.pem'))
  server.faults.push({ method: 'PATCH', times: 1, fault })
  await json(['ca', 'revoke-device-ca', directory, '--ca-file', 'site-b', '--yes'])
  expect(await serialsOf(behind)).not.toContain(siteB)
})

test.each<readonly [string, readonly string[]]>([
  ['revoke', ['revoke-device-ca', 'DIR', '--ca-file', 'site-b', '--yes']],
  ['enable', ['enable-device-ca', 'DIR', '--ca-file', 'site-b']],
  ['update', ['update', 'DIR/local-ca.pem', '--yes']],
])('%s fails if the server refuses it, and succeeds when run again', async (action, words) => {
  const { server, behind, directory, run, json } = await scene()
  if (action === 'enable') await json(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b'])
  const before = await behind.getCertificates()
  server.faults.push({ method: 'PATCH', times: 1, fault: { kind: 'answer', status: 403, body: '{"msg":"not yours"}' } })
  const command = ['ca', ...words.map((word) => word.replace('DIR', directory))]
  const { status, stderr } = await run(command)
  expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining('403 Forbidden: not yours') })
  expect(await behind.getCertificates()).toEqual(before)
  await json(command)
  expect(await behind.getCertificates()).not.toEqual(before)
})
