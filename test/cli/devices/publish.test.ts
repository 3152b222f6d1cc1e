import { describe, expect, test } from 'vitest'
import { publishListsResult } from '../../../src/operations/devices/publish/publish-lists.js'
import { publishOutboxResult } from '../../../src/operations/registration/publish-outbox.js'
import { newCertificate } from '../../devices/register-scene.js'
import { fingerprintOfFile, hold, ISSUED_AT, uuidNumber, withRegister } from '../../support/device-register.js'
import { type FactoryServer, factoryServer, type Seen } from '../../support/factory-server.js'
import { copiedPki, type Made } from '../made.js'

const TOKEN = 'the-token-of-the-api'

interface Scene extends Made {
  readonly server: FactoryServer
  publish(...words: readonly string[]): ReturnType<Made['home']['fpki']>
}

/** Devices in the outbox, and a server that answers for each UUID as `statuses` says, or with 201. */
async function scene(count: number, statuses: Readonly<Record<string, number>> = {}): Promise<Scene> {
  const made = await copiedPki()
  const server = await factoryServer(null, 'none')
  server.others.set('/ota/devices/', ({ body }: Seen) => {
    const { name } = JSON.parse(body) as { name: string }
    const status = statuses[name] ?? 201
    return { status, body: { message: `it is ${status}` } }
  })
  const certificates = Array.from({ length: count }, (_, at) =>
    newCertificate({ uuid: uuidNumber(at + 1), name: `device-${at + 1}` }),
  )
  const ca = await fingerprintOfFile(made.directory)
  await withRegister(made.directory, (register) =>
    register.commit({ line: 'default', ca, at: ISSUED_AT, announce: true, certificates }),
  )
  const env = { FPKI_API: server.url, FPKI_TOKEN: TOKEN }
  return {
    ...{ ...made, server },
    publish: (...words) => made.home.fpki(['devices', 'publish', made.directory, ...words], { env }),
  }
}

function outbox({ directory }: Made) {
  return withRegister(directory, (register) => register.outbox.state())
}

describe('fpki devices publish', () => {
  test('informs the API of each device once', async () => {
    const made = await scene(20)
    const { status, stderr, stdout } = await made.publish()
    expect({ status, stdout, stderr }).toEqual({
      ...{ status: 0, stdout: '' },
      stderr: `note: ${made.server.url} was informed of 20 devices.\n`,
    })
    const names = made.server.seen.map(({ body }) => JSON.parse(body).name)
    expect(names.toSorted()).toEqual(Array.from({ length: 20 }, (_, at) => `device-${at + 1}`).toSorted())
    expect(made.server.seen[0]).toMatchObject({ method: 'PUT', headers: { 'osf-token': TOKEN } })
    expect(await outbox(made)).toEqual({ waiting: 0, oldest: null, conflicts: 0, lastFailure: null })
    expect((await made.publish('--quiet')).status).toBe(0)
    expect(made.server.seen).toHaveLength(20)
  })

  test('shows conflicts, which wait no more', async () => {
    const made = await scene(3, { 'device-2': 409 })
    const { status, stderr } = await made.publish()
    expect(status).toBe(0)
    expect(stderr).toContain(`warning: ${uuidNumber(2)}, conflict: `)
    expect(stderr).toContain('409 Conflict: it is 409')
    expect(stderr).toContain(`fpki devices list ${made.directory} --state conflict`)
    const list = await made.home.fpki(['devices', 'list', made.directory, '--state', 'conflict', '--json'])
    expect(JSON.parse(list.stdout).devices).toMatchObject([{ uuid: uuidNumber(2), state: 'conflict' }])
    const again = publishOutboxResult.parse(JSON.parse((await made.publish('--json')).stdout))
    expect(again).toMatchObject({ sent: 0, conflicts: 0, waiting: 0, reason: null, devices: [] })
  })

  test('goes on after a refused device, which waits with its reason, and is tried again by the next run', async () => {
    const statuses: Record<string, number> = { 'device-1': 400 }
    const made = await scene(3, statuses)
    const { status, stdout } = await made.publish('--json')
    const result = publishOutboxResult.parse(JSON.parse(stdout))
    expect({ status, ...result }).toMatchObject({
      ...{ status: 4, sent: 2, conflicts: 0, refused: 1, waiting: 1, api: made.server.url, factory: 'acme' },
      reason: expect.stringContaining('400 Bad Request: it is 400'),
      devices: [{ uuid: uuidNumber(1), kind: 'refused' }],
    })
    delete statuses['device-1']
    expect(await made.publish()).toMatchObject({ status: 0, stderr: expect.stringContaining('informed of 1 device.') })
  })

  test('ends when the API takes no device, and has lost none', async () => {
    const made = await scene(20)
    made.server.faults.push({ method: 'PUT', times: 99, fault: { kind: 'answer', status: 401, body: '{}' } })
    const { status, stderr } = await made.publish()
    expect(status).toBe(4)
    expect(stderr).toMatch(
      /Still waiting: 20 devices \(The Factory API at \S+ refused PUT devices: 401 Unauthorized\)\./,
    )
    expect(stderr).not.toContain(TOKEN)
    expect(made.server.seen.length).toBeLessThanOrEqual(8)
    made.server.faults.length = 0
    expect((await made.publish()).status).toBe(0)
    expect(await outbox(made)).toMatchObject({ waiting: 0 })
  })

  test('leaves out a device that is denied, and does not wait for it', async () => {
    const made = await scene(2)
    await withRegister(made.directory, (register) => register.deny([uuidNumber(1)], hold(ISSUED_AT)))
    expect(await made.publish()).toMatchObject({ status: 0, stderr: expect.stringContaining('informed of 1 device.') })
    expect(made.server.seen).toHaveLength(1)
  })

  test('denies and allows devices there, also those that the API does not know', async () => {
    const made = await scene(2)
    const env = { FPKI_API: made.server.url, FPKI_TOKEN: TOKEN }
    await made.publish('--quiet')
    const paths = [1, 2].map((number) => `/ota/devices/${uuidNumber(number)}/?factory=acme&by-uuid=1`)
    const denials = [200, 404, 204]
    for (const path of paths) made.server.others.set(path, () => ({ status: denials.shift() ?? 500, body: {} }))
    const uuids = [uuidNumber(1), uuidNumber(2)]
    expect((await made.home.fpki(['devices', 'deny', made.directory, ...uuids], { env })).status).toBe(0)
    made.server.seen.length = 0
    const denied = await made.publish('--foundries', '--json')
    const { foundries } = publishListsResult.parse(JSON.parse(denied.stdout))
    expect({ status: denied.status, ...foundries }).toMatchObject({ status: 0, sent: 2, refused: 0, waiting: 0 })
    const about = made.server.seen.map(({ method, path }) => `${method} ${path.replace(/[0-9a-f-]{36}.*$/, 'UUID')}`)
    expect(about.toSorted()).toEqual([
      ...['DELETE /ota/devices/UUID', 'DELETE /ota/devices/UUID', 'DELETE /ota/devices/UUID'],
      ...['GET /ota/factories/acme/denied-devices/UUID', 'PUT /ota/devices/'],
    ])
    const ends = uuids.map((uuid) => `/ota/factories/acme/denied-devices/${uuid}/`)
    const answers = [200, 403]
    for (const path of ends) made.server.others.set(path, () => ({ status: answers.shift() ?? 500, body: {} }))
    expect((await made.home.fpki(['devices', 'allow', made.directory, ...uuids], { env })).status).toBe(0)
    const allowed = await made.publish()
    expect(allowed).toMatchObject({ status: 4, stderr: expect.stringContaining('Still waiting: 1 device') })
  })

  test.each([
    ['embedded', 'acme', 'ERR_USAGE', 2, 'the embedded Factory API reads the device register'],
    ['https://127.0.0.1:1', 'kit', 'ERR_NOT_INITIALIZED', 3, 'There is no device register'],
  ])('is refused with the API %s', async (api, _, code, exit, text) => {
    const { home, directory } = await copiedPki()
    const words = ['devices', 'publish', directory, '--api', api, '--token', 'x', '--json']
    const { status, stdout } = await home.fpki(words)
    expect({ status, ...JSON.parse(stdout) }).toMatchObject({
      status: exit,
      error: { code, message: expect.stringContaining(text) },
    })
  })
})
