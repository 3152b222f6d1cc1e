import { createHash, randomUUID, X509Certificate } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { SqliteOptions } from '../../../src/devices/open.js'
import type { Outbox } from '../../../src/devices/outbox.js'
import { ALL_DEVICES } from '../../../src/devices/register.js'
import { serviceMachine } from '../../../src/machine/devices.js'
import { thisMachine } from '../../../src/machine/index.js'
import type { ServiceRegister } from '../../../src/operations/registration/issuing-thread/calls.js'
import { registerInThread } from '../../../src/operations/registration/issuing-thread/in-thread.js'
import type { Announced, RegistrationOutcome, RegistrationService } from '../../../src/operations/registration/model.js'
import { openRegistration, type RegistrationCloud } from '../../../src/operations/registration/open-registration.js'
import { readRegistrationRequest } from '../../../src/operations/registration/request.js'
import { output } from '../../support/cli.js'
import { hold, withRegister } from '../../support/device-register.js'
import { deviceCsr } from '../../support/device-requests.js'
import { callerWith, registration, registrationScene, word } from './scene.js'

const PROGRAMS = {
  program: fileURLToPath(new URL('../../../dist/cli/device-batch/device-batch-thread.js', import.meta.url)),
  registerProgram: fileURLToPath(new URL('../../../dist/cli/device-register/register-thread.js', import.meta.url)),
}

const recorded = await readFile(new URL('../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')
/** What lmp-device-register sent, and what the registration reference answered. */
const CONVERSATIONS = recorded
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
  .filter(({ request }) => request.method === 'POST')

function filesOf(outcome: RegistrationOutcome) {
  if (outcome.kind === 'refused') throw new Error(outcome.reason)
  return outcome.files
}

describe('the requests that lmp-device-register sent', () => {
  test('get the four files of the reference, whose certificates OpenSSL accepts', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    await scene.serve(async (service) => {
      const caller = await callerWith(service, token)
      for (const { request, response } of CONVERSATIONS) {
        const read = readRegistrationRequest(JSON.parse(request.body))
        if ('errors' in read) throw new Error(JSON.stringify(read))
        const outcome = await service.register(read.request, caller)
        const files = filesOf(outcome)
        expect(word(outcome)).toBe('issued')
        expect(Object.keys(files).sort()).toEqual(['client.chained', 'client.pem', 'root.crt', 'sota.toml'])
        const chained = `${files['client.pem']}\n${(await scene.text('local-ca.pem')).trim()}`
        expect(files['client.chained']).toBe(chained)
        expect(files['root.crt']).toBe((await scene.text('factory_ca.pem')).trim())
        // The reference refuses groups, and has no answer to the last one.
        if (response.status === 201) expect(files['sota.toml']).toBe(JSON.parse(response.body)['sota.toml'])
        const [leaf, cas] = [scene.path('leaf.pem'), ['-untrusted', scene.path('local-ca.pem')]]
        await writeFile(leaf, files['client.pem'])
        const words = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', scene.path('factory_ca.pem')]
        expect(await output('openssl', [...words, ...cas, leaf])).toBe(`${leaf}: OK\n`)
        expect(new X509Certificate(files['client.pem']).subject).toContain(`CN=${read.request.uuid}`)
      }
    })
    expect(scene.warnings).toEqual([])
  })

  test('are in the register with the line, the credential and what the devices said', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const request = registration({ name: 'unit 7', group: 'pilot', hardwareId: 'board' })
    await scene.serve(async (service) => {
      const caller = await callerWith(service, token)
      const outcome = await service.register(request, caller)
      const device = await withRegister(scene.directory, (register) => register.device(request.uuid))
      expect(device).toMatchObject({ line: 'line-1', name: 'unit 7', group: 'pilot', hardwareId: 'board' })
      expect(device?.credential).toBe(`token:${token.split('_')[1]}`)
      expect(outcome).toMatchObject({ uuid: request.uuid, serial: device?.certificates[0]?.serial })
    })
  })
})

describe('a device that asks again', () => {
  test('gets its stored certificate for the same key, and a new one for another key under the same credential', async () => {
    const scene = await registrationScene()
    const [token, other] = [await scene.token(), await scene.token()]
    const request = registration()
    const again = { ...request, csr: deviceCsr({ uuid: request.uuid }).pem }
    await scene.serve(async (service) => {
      const caller = await callerWith(service, token)
      const first = await service.register(request, caller)
      const repeated = await service.register(request, await callerWith(service, other))
      expect([word(first), word(repeated)]).toEqual(['issued', 'reused'])
      expect(filesOf(repeated)).toEqual(filesOf(first))
      expect(word(await service.register(again, await callerWith(service, other)))).toBe('uuid-taken')
      expect(word(await service.register(again, caller))).toBe('issued')
      const thief = { ...again, uuid: null, csr: deviceCsr({ uuid: randomUUID() }).pem }
      expect(word(await service.register({ ...thief, uuid: request.uuid }, caller))).toBe('uuid-mismatch')
    })
  })

  test('has one certificate when it asks many times at once', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const request = registration()
    const outcomes = await scene.serve(async (service) => {
      const caller = await callerWith(service, token)
      return Promise.all(Array.from({ length: 5 }, () => service.register(request, caller)))
    })
    expect(outcomes.map(word).sort()).toEqual(['issued', 'reused', 'reused', 'reused', 'reused'])
    expect(new Set(outcomes.map((outcome) => filesOf(outcome)['client.pem'])).size).toBe(1)
  })

  test('gets nothing any more when it was denied', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const request = registration()
    await scene.serve(async (service) => {
      const caller = await callerWith(service, token)
      await service.register(request, caller)
      await withRegister(scene.directory, (register) => register.deny([request.uuid], hold(Date.now())))
      expect(word(await service.register(request, caller))).toBe('denied')
    })
  })
})

describe('who may register', () => {
  test('a token that is wrong, unknown, expired or revoked is nobody', async () => {
    const scene = await registrationScene()
    const [token, expired] = [await scene.token(), await scene.token({ expiresAt: Date.now() - 1 })]
    const [revoked] = [await scene.token()]
    const id = revoked.split('_')[1] ?? ''
    await withRegister(scene.directory, ({ credentials }) => credentials.revoke({ kind: 'token', id }, Date.now()))
    await scene.serve(async (service) => {
      const wrong = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`
      for (const text of [wrong, `fpki_${'0'.repeat(16)}_${'A'.repeat(43)}`, expired, revoked, '', 'dummy'])
        expect(await service.authenticate({ kind: 'token', token: text })).toBeNull()
      expect(await callerWith(service, token)).toMatchObject({ line: 'line-1' })
    })
  })

  test('a station is known by its certificate, until it is revoked', async () => {
    const scene = await registrationScene()
    const certificate = Buffer.from('a certificate')
    const fingerprint = createHash('sha256').update(certificate).digest('hex')
    const times = { notAfter: Date.now() + 60_000, createdAt: Date.now() }
    await withRegister(scene.directory, ({ credentials }) =>
      credentials.createStation({ line: 'line-1', name: 'bench-1', fingerprint, ...times }),
    )
    await scene.serve(async (service) => {
      const caller = await service.authenticate({ kind: 'station', certificate })
      if (caller === null) throw new Error('the station is not known')
      expect(caller).toEqual({ credential: { kind: 'station', line: 'line-1', name: 'bench-1' }, line: 'line-1' })
      expect(await service.authenticate({ kind: 'station', certificate: Buffer.from('another') })).toBeNull()
      expect(word(await service.register(registration(), caller))).toBe('issued')
      await withRegister(scene.directory, ({ credentials }) => credentials.revoke(caller.credential, Date.now()))
      // What was remembered of it does not help.
      expect(word(await service.register(registration(), caller))).toBe('credential')
    })
  })

  test('a token for one use, one device or a list registers no other', async () => {
    const scene = await registrationScene()
    const [own, listed, second] = [registration(), registration({ name: 'SN-1' }), registration({ name: 'SN-1' })]
    const once = await scene.token({ uses: 1 })
    const bound = await scene.token({ uuid: own.uuid })
    const list = await scene.token({}, [
      { uuid: null, serialNumber: 'SN-1', keyHash: null },
      { uuid: own.uuid, serialNumber: null, keyHash: null },
    ])
    await scene.serve(async (service) => {
      const register = async (token: string, request = registration()) =>
        word(await service.register(request, await callerWith(service, token)))
      expect([await register(once), await register(once)]).toEqual(['issued', 'credential'])
      expect([await register(bound), await register(bound, own), await register(bound, own)]).toEqual([
        ...['credential', 'issued', 'reused'],
      ])
      expect([await register(list), await register(list, listed), await register(list, second)]).toEqual([
        ...['not-listed', 'issued', 'not-listed'],
      ])
      const device = await withRegister(scene.directory, (one) => one.device(listed.uuid))
      expect(device).toMatchObject({ name: 'SN-1', serialNumber: 'SN-1' })
      const others = await withRegister(scene.directory, (one) => one.device(own.uuid))
      expect(others).toMatchObject({ name: own.uuid, serialNumber: null })
    })
  })

  test('what the line says holds: hardware IDs, groups, production, the quota, and being open', async () => {
    const scene = await registrationScene()
    await scene.line('strict', { hardwareIds: ['board'], group: 'pilot', allowsProduction: false, quota: 1 })
    const token = await scene.token({ line: 'strict' })
    await scene.serve(async (service) => {
      const caller = await callerWith(service, token)
      const register = async (changes: Parameters<typeof registration>[0]) =>
        word(await service.register(registration(changes), caller))
      expect(await register({ hardwareId: 'other' })).toBe('hardware-id')
      expect(await register({ group: 'other' })).toBe('group')
      const uuid = randomUUID()
      expect(await register({ uuid, csr: deviceCsr({ uuid, production: true }).pem })).toBe('csr-production')
      expect(await register({ csr: 'nothing', uuid })).toBe('csr-malformed')
      expect([await register({}), await register({})]).toEqual(['issued', 'quota'])
      await withRegister(scene.directory, ({ lines }) => lines.change('strict', { state: 'paused' }))
      expect(await register({})).toBe('line-paused')
    })
  })

  test('a device that another process registers meanwhile with the last of the quota gets that certificate', async () => {
    const scene = await registrationScene()
    await scene.line('strict', { quota: 1 })
    const token = await scene.token({ line: 'strict' })
    const twice = registration()
    const elsewhere = async () =>
      scene.serve(async (service) => word(await service.register(twice, await callerWith(service, token))))
    const openRegister = async (options: SqliteOptions): Promise<ServiceRegister> => {
      const { issuing, ...register } = await registerInThread(options, PROGRAMS.registerProgram)
      return {
        ...register,
        lookUp: async (requests) => {
          const found = await register.lookUp(requests)
          if (found.length > 1) expect(await elsewhere()).toBe('issued')
          return found
        },
      }
    }
    await scene.serve(
      async (service) => {
        const caller = await callerWith(service, token)
        const outcomes = await Promise.all([registration(), twice].map((one) => service.register(one, caller)))
        expect(outcomes.map(word)).toEqual(['quota', 'reused'])
      },
      { ports: { openRegister } },
    )
  })

  test('the only line that is served is the one that was named, and never `default`', async () => {
    const scene = await registrationScene()
    await scene.line('other')
    const [one, other, own] = [
      await scene.token(),
      await scene.token({ line: 'other' }),
      await scene.token({ line: 'default' }),
    ]
    const options = { line: 'other' }
    await scene.serve(
      async (service) => {
        expect(word(await service.register(registration(), await callerWith(service, other)))).toBe('issued')
        expect(word(await service.register(registration(), await callerWith(service, one)))).toBe('credential')
        expect(await service.authenticate({ kind: 'token', token: own })).toBeNull()
      },
      { options },
    )
  })
})

describe('sota.toml', () => {
  test('a bad override is refused before anything is signed', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const request = registration({ overrides: { pacman: { tags: '"a"\nserver = "evil"' } } })
    await scene.serve(async (service) => {
      const caller = await callerWith(service, token)
      expect(word(await service.register(request, caller))).toBe('input-unreadable')
    })
    expect(await withRegister(scene.directory, (register) => register.device(request.uuid))).toBeNull()
  })
})

describe('the Factory API', () => {
  /** Registers a device, with a Factory API that answers so, or does not. */
  const announced = async (cloud: 'queue' | 'require' | 'off', answer: Announced) => {
    const scene = await registrationScene()
    const token = await scene.token()
    const asked: string[] = []
    let nudges = 0
    const openCloud = (outbox: Outbox): RegistrationCloud => ({
      announce: async (device) => {
        asked.push(device.uuid)
        if (answer.kind === 'conflict') await outbox.conflict({ ...device, attempts: 0 })
        return answer
      },
      nudge: () => {
        nudges++
      },
      stop: async () => undefined,
    })
    const request = registration({ name: 'unit 7' })
    const outcome = await scene.serve(
      async (service) => service.register(request, await callerWith(service, token)).catch((error: unknown) => error),
      { options: { cloud }, ports: { openCloud } },
    )
    const { waiting, state } = await withRegister(scene.directory, async (register) => ({
      waiting: (await register.outbox.state()).waiting,
      state: (await register.device(request.uuid))?.state,
    }))
    expect(asked).toEqual(cloud === 'require' ? [request.uuid] : [])
    return { outcome, waiting, state, nudges }
  }

  test('with queue, it is informed by the outbox', async () => {
    expect(await announced('queue', { kind: 'delivered' })).toMatchObject({
      ...{ outcome: { kind: 'issued' }, waiting: 1, nudges: 1 },
    })
  })

  test('with off, it is not informed', async () => {
    expect(await announced('off', { kind: 'delivered' })).toMatchObject({
      ...{ outcome: { kind: 'issued' }, waiting: 0, nudges: 0 },
    })
  })

  test('with require, it is informed before the device is answered', async () => {
    expect(await announced('require', { kind: 'delivered' })).toMatchObject({ outcome: { kind: 'issued' }, nudges: 0 })
  })

  test('with require, a device that it has already is refused, and in the state conflict', async () => {
    expect(await announced('require', { kind: 'conflict', reason: 'it exists' })).toMatchObject({
      outcome: { kind: 'refused', code: 'uuid-taken', reason: expect.stringContaining('it exists') },
      state: 'conflict',
    })
  })

  test('with require, a device gets an error while it is away, and waits in the outbox', async () => {
    expect(await announced('require', { kind: 'failed', reason: 'it does not answer' })).toMatchObject({
      ...{ outcome: { code: 'ERR_API', message: expect.stringContaining('it does not answer') }, waiting: 1 },
    })
  })

  test('without one, only off is possible', async () => {
    const scene = await registrationScene()
    await scene.token()
    const opened = openRegistration(scene.options({ cloud: 'queue' }), scene.ports())
    await expect(opened).rejects.toMatchObject({ code: 'ERR_USAGE', option: 'api' })
  })
})

describe('a service that starts', () => {
  const starting = async (scene: Awaited<ReturnType<typeof registrationScene>>, line: string | null = null) =>
    openRegistration(scene.options({ line }), scene.ports()).then(
      (service: RegistrationService) => service.close(),
      (error: unknown) => error,
    )

  test('refuses to when nobody could register', async () => {
    const scene = await registrationScene()
    const refusal = { code: 'ERR_LINE', hint: expect.stringContaining(`fpki lines token ${scene.directory} line-1`) }
    expect(await starting(scene)).toMatchObject(refusal)
    await scene.token({ expiresAt: Date.now() - 1 })
    await scene.token({ line: 'default' })
    expect(await starting(scene)).toMatchObject(refusal)
    await scene.line('other')
    await scene.token({ line: 'other' })
    expect(await starting(scene)).toBeUndefined()
    expect(await starting(scene, 'line-1')).toMatchObject(refusal)
    expect(await starting(scene, 'default')).toMatchObject({ code: 'ERR_LINE' })
  })

  test('refuses a register in which certificates are missing', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const copy = await readFile(join(scene.directory, 'devices.sqlite'))
    await scene.serve(async (service) => service.register(registration(), await callerWith(service, token)))
    // Not written over: this process still has them open.
    for (const suffix of ['', '-wal', '-shm'])
      await rm(join(scene.directory, `devices.sqlite${suffix}`), { force: true })
    await writeFile(join(scene.directory, 'devices.sqlite'), copy, { mode: 0o600 })
    expect(await starting(scene)).toMatchObject({ code: 'ERR_BAD_FILE' })
  })
})

describe('whether a device could register now', () => {
  test('depends on an open line, and on the CA', async () => {
    const scene = await registrationScene()
    await scene.token()
    let now = Date.now()
    const ports = { clock: () => new Date(now) }
    await scene.serve(
      async (service) => {
        const later = async () => {
          now += 2000
          return service.whyUnavailable()
        }
        expect(await later()).toBeNull()
        await withRegister(scene.directory, ({ lines }) => lines.change('line-1', { state: 'paused' }))
        // An answer is good for a second.
        expect(await service.whyUnavailable()).toBeNull()
        expect(await later()).toBe('no line is open')
        await withRegister(scene.directory, ({ lines }) => lines.change('line-1', { state: 'open' }))
        expect(await later()).toBeNull()
        now = Date.now() + 100 * 365 * 24 * 3_600_000
        expect(await later()).toBe('the device CA local-ca.pem has expired')
      },
      { ports },
    )
  })

  test('what is in the register is counted', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const state = await scene.serve(async (service) => {
      await service.register(registration(), await callerWith(service, token))
      return service.state()
    })
    expect(state.lines.find(({ name }) => name === 'line-1')).toMatchObject({ issued: 1 })
    expect(state.outbox).toBeNull()
  })

  test('a service that is closed answers first what is on its way to the Factory API', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const steps: string[] = []
    const openCloud = (outbox: Outbox): RegistrationCloud => ({
      announce: async (device) => {
        for (let turn = 0; turn < 20; turn++) await setImmediate()
        await outbox.delivered([{ ...device, attempts: 0 }])
        steps.push('announced')
        return { kind: 'delivered' }
      },
      nudge: () => undefined,
      stop: async () => {
        steps.push('stopped')
      },
    })
    const service = await openRegistration(scene.options({ cloud: 'require' }), scene.ports({ openCloud }))
    const accepted = service.register(registration(), await callerWith(service, token))
    await service.close()
    expect(word(await accepted)).toBe('issued')
    expect(steps).toEqual(['announced', 'stopped'])
  })

  test('a service that is closed takes nothing, and has finished what it took', async () => {
    const scene = await registrationScene()
    const token = await scene.token()
    const service = await openRegistration(scene.options(), scene.ports())
    const caller = await callerWith(service, token)
    const accepted = service.register(registration(), caller)
    const closing = service.close()
    expect(word(await accepted)).toBe('issued')
    await closing
    expect(await service.whyUnavailable()).not.toBeNull()
    await expect(service.register(registration(), caller)).rejects.toMatchObject({ code: 'ERR_LOCKED' })
    await service.close()
  })
})

test('many at once are issued in worker threads, each with the answer to its own request', async () => {
  const scene = await registrationScene()
  const token = await scene.token()
  const stop = new AbortController()
  const { newBatches, openRegister } = serviceMachine(thisMachine(), { ...PROGRAMS, signal: stop.signal, threads: 2 })
  if (openRegister === undefined) throw new Error('the register has no thread')
  const requests = Array.from({ length: 40 }, () => registration())
  const outcomes = await scene.serve(
    async (service) => {
      const caller = await callerWith(service, token)
      return Promise.all(requests.map((request) => service.register(request, caller)))
    },
    { ports: { newBatches, openRegister } },
  )
  expect(outcomes.map((outcome) => outcome.uuid)).toEqual(requests.map(({ uuid }) => uuid))
  for (const [at, outcome] of outcomes.entries())
    expect(new X509Certificate(filesOf(outcome)['client.pem']).subject).toContain(`CN=${requests[at]?.uuid}`)
  const count = await withRegister(scene.directory, (register) => register.count({ ...ALL_DEVICES, line: 'line-1' }))
  expect(count.devices).toBe(40)
})

test('a service whose register has lost its thread says so, and issues nothing', async () => {
  const scene = await registrationScene()
  const token = await scene.token()
  const program = scene.path('thread.mjs')
  const dies = "parentPort.on('message', ({ name }) => { if (name === 'issuing.issue') process.exit(3) })"
  const { registerProgram } = PROGRAMS
  await writeFile(
    program,
    `import { parentPort } from 'node:worker_threads'\n${dies}\nawait import('${registerProgram}')`,
  )
  const openRegister = (options: SqliteOptions) => registerInThread(options, program)
  const service = await openRegistration(scene.options(), scene.ports({ openRegister }))
  const caller = await callerWith(service, token)
  expect(await service.whyUnavailable()).toBeNull()
  const requests = Array.from({ length: 3 }, () => service.register(registration(), caller))
  for (const one of await Promise.allSettled(requests))
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'ERR_THREAD' } })
  await expect.poll(() => service.whyUnavailable()).toBe('the device register is not available')
  await service.close()
  expect(scene.warnings).toEqual([expect.stringContaining('The worker thread of the device register ended')])
  expect(await withRegister(scene.directory, (register) => register.head())).toMatchObject({ certificates: 0 })
})
