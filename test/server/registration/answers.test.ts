import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { REFUSAL_CODES, RENEWAL_REFUSALS } from '../../../src/devices/refusal.js'
import { FpkiError } from '../../../src/errors.js'
import { temporaryDirectory } from '../../support/cli.js'
import { deviceFile, fioup, lmpDeviceRegister, send } from '../../support/register-client.js'
import { FILES, ISSUED, registrationScene, TOKEN, UUID } from './scene.js'

const DEVICE = { uuid: UUID, csr: 'a request\n' }
const BODY = JSON.stringify(DEVICE)

describe.each([
  ['lmp-device-register', lmpDeviceRegister],
  ['fioup', fioup],
])('%s', (_, client) => {
  test.each(['/sign', '/ota/devices/', '/ota/devices', '/sign/'])(
    'registers at %s and writes four files',
    async (path) => {
      const { url, service } = await registrationScene()
      const folder = await temporaryDirectory()
      const answer = await client({ api: `${url}${path}`, token: TOKEN }, DEVICE, folder)
      expect(answer.status).toBe(201)
      expect(answer.headers['content-type']).toBe('application/json')
      expect(JSON.parse(answer.text)).toEqual(FILES)
      for (const [name, text] of Object.entries(FILES)) expect(await deviceFile(folder, name)).toBe(text)
      expect(service.proofs).toEqual([{ kind: 'token', token: TOKEN }])
      expect(service.requests).toEqual([
        {
          ...{ uuid: UUID, csr: 'a request\n', name: UUID, hardwareId: 'intel-corei7-64', group: null },
          ...{ usesOstree: true, configDirectory: '/var/sota' },
          overrides: {
            pacman: { type: '"ostree+compose_apps"', compose_apps_root: '"/var/sota/compose-apps"', tags: '"main"' },
          },
        },
      ])
    },
  )

  test('stops at the ping when no device could be registered', async () => {
    const { url, service } = await registrationScene()
    service.unavailable = 'the device CA has expired'
    // 503 is above both bounds.
    const answer = await client({ api: `${url}/sign`, token: TOKEN }, DEVICE, await temporaryDirectory())
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    expect([service.proofs, service.requests]).toEqual([[], []])
  })
})

test('the requests of the recorded conversations are read', async () => {
  const { url, service } = await registrationScene()
  const lines = (await readFile(join(import.meta.dirname, '../../fixtures/devices/registration.jsonl'), 'utf8')).trim()
  const posts = lines
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ request }) => request.method === 'POST')
  expect(posts.length).toBe(4)
  for (const { request, response } of posts) {
    const headers = { ...request.headers, 'OSF-TOKEN': TOKEN }
    const answer = await send({ api: url, headers }, { method: 'POST', path: request.path, body: request.body })
    expect(answer.status).toBe(201)
    expect(answer.headers['content-type']).toBe('application/json')
    if (response.status === 201) expect(response.contentType).toBe('application/json')
    const { csr, ...asked } = JSON.parse(request.body)
    expect(service.requests.at(-1)).toEqual({
      ...{ csr, uuid: asked.uuid, name: asked.name, hardwareId: asked['hardware-id'], group: asked.group ?? null },
      ...{ usesOstree: true, configDirectory: '/var/sota', overrides: asked.overrides },
    })
  }
})

test('a ping needs no credentials: 200, or 503 with the reason', async () => {
  const { url, service } = await registrationScene()
  for (const method of ['HEAD', 'GET']) {
    for (const path of ['/sign', '/ota/devices/']) {
      expect((await send({ api: url }, { method, path })).status).toBe(200)
      service.unavailable = 'the device CA has expired'
      const answer = await send({ api: url }, { method, path })
      expect(answer.status).toBe(503)
      if (method === 'GET') expect(JSON.parse(answer.text)).toEqual({ message: 'the device CA has expired' })
      service.unavailable = null
    }
  }
  expect(service.proofs).toEqual([])
})

test('strings and booleans are read, unknown members are ignored', async () => {
  const { post, service } = await registrationScene()
  for (const [members, expected] of [
    [{ 'use-ostree-server': false }, { usesOstree: false }],
    [{ 'use-ostree-server': 'false' }, { usesOstree: false }],
    [{ 'use-ostree-server': true }, { usesOstree: true }],
    [{ 'sota-config-dir': '/var/other//' }, { configDirectory: '/var/other' }],
    [
      { group: '', name: null },
      { group: null, name: null },
    ],
    [{ 'hardware-id': 'a', more: { than: ['this'] } }, { hardwareId: 'a' }],
  ] as const) {
    expect((await post(JSON.stringify({ csr: 'x', ...members }))).status).toBe(201)
    expect(service.requests.at(-1)).toMatchObject(expected)
  }
})

test('each refusal has its status and a message, and those of a member name it', async () => {
  const { post, service } = await registrationScene()
  const seen: Record<string, string[]> = {}
  for (const code of REFUSAL_CODES) {
    service.outcome = { kind: 'refused', uuid: UUID, code, reason: 'it is so' }
    const { status, text } = await post(BODY)
    const { message, errors, ...more } = JSON.parse(text)
    expect({ message, more }).toEqual({ message: 'the device was not registered: it is so', more: {} })
    for (const reason of Object.values(errors ?? {})) expect(reason).toBe('it is so')
    const fields = Object.keys(errors ?? {}).join()
    seen[`${status} ${fields}`.trim()] = [...(seen[`${status} ${fields}`.trim()] ?? []), code]
  }
  expect(seen).toEqual({
    '400': ['input-unreadable'],
    '400 csr': [
      ...['csr-malformed', 'csr-signature', 'csr-key', 'csr-subject', 'csr-common-name', 'csr-factory'],
      ...['csr-production', 'csr-extension'],
    ],
    '400 uuid': ['uuid-mismatch'],
    '400 group': ['group'],
    '403': [
      ...['hardware-id', 'quota', 'daily-quota', 'window', 'line-paused', 'line-closed', 'credential', 'not-listed'],
      ...['denied', 'renewal-too-often', ...RENEWAL_REFUSALS],
    ],
    '409': ['key-reused', 'serial-taken', 'uuid-taken'],
  })
})

test('503 when the register, the key or the CA is away; 500 without details for a fault of the server', async () => {
  const { post, service, log } = await registrationScene()
  for (const [error, status] of [
    [new FpkiError('ERR_STORAGE', 'Cannot write to /secret/place: ENOSPC.', 'Free some.'), 503],
    [new FpkiError('ERR_HSM_TOKEN', 'The token /secret/place is gone.', 'Plug it in.'), 503],
    [new FpkiError('ERR_CLOCK', '/secret/place has expired.', 'Set the clock.'), 503],
    [new FpkiError('ERR_USAGE', 'A bug with /secret/place.', 'None.'), 500],
    [new TypeError('/secret/place is undefined'), 500],
  ] as const) {
    service.outcome = error
    const answer = await post(BODY)
    expect({ status: answer.status, keys: Object.keys(JSON.parse(answer.text)) }).toEqual({ status, keys: ['message'] })
    expect(answer.text).not.toContain('secret')
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 503)
    expect(log()).toContain(JSON.stringify(error.message).slice(1, -1))
  }
})

test('each registration is one line of the log and one count of the metrics', async () => {
  const { post, service, log, metrics } = await registrationScene()
  await post(BODY)
  service.outcome = { ...ISSUED, kind: 'reused' } as typeof ISSUED
  await post(BODY)
  service.outcome = { kind: 'refused', uuid: null, code: 'quota', reason: 'its quota is used up' }
  await post(BODY)
  const lines = log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const common = { line: 'site-a', credential: 'token:0123456789abcdef', ms: expect.any(Number), event: 'request' }
  expect(lines).toMatchObject([
    { ...common, uuid: UUID, status: 201, code: 'issued', level: 'info' },
    { ...common, uuid: UUID, status: 201, code: 'reused' },
    { ...common, uuid: null, status: 403, code: 'quota', level: 'warn' },
  ])
  const text = await metrics()
  for (const outcome of ['issued', 'reused', 'quota'])
    expect(text).toContain(`fpki_registrations_total{line="site-a",outcome="${outcome}"} 1`)
  expect(text).toContain('fpki_registration_seconds_count 3')
})
