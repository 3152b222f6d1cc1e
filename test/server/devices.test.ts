import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { copiedPki, type Made } from '../cli/made.js'
import { newCertificate } from '../devices/register-scene.js'
import { newP256Pem } from '../support/company.js'
import { fingerprintOfFile, ISSUED_AT, recordDevices, uuidNumber, withRegister } from '../support/device-register.js'
import { deviceCertificate, servedDevices } from './device-scene.js'
import { type FioctlAnswer, fioctl } from './fioctl.js'

interface Listed {
  readonly devices: readonly Readonly<Record<string, unknown>>[]
  readonly total: number
  readonly next: string | null
}

function listOf({ status, body }: FioctlAnswer): Listed {
  expect(status).toBe(200)
  return body as Listed
}

function numbersOf(answer: FioctlAnswer): readonly number[] {
  return listOf(answer).devices.map(({ uuid }) => Number.parseInt(String(uuid).slice(-12), 16))
}

/** A PKI with 25 devices: 1 to 10 in production, 11 to 20 in the group blue; the odd ones have names. */
async function withDevices(): Promise<Made> {
  const made = await copiedPki()
  const devices = Array.from({ length: 25 }, (_, at) => {
    const number = at + 1
    const uuid = uuidNumber(number)
    const name = number % 2 === 1 ? `Pump_${String(26 - number).padStart(2, '0')}` : uuid
    return { uuid, name, isProduction: number <= 10, group: number > 10 && number <= 20 ? 'blue' : null }
  })
  await recordDevices(made.directory, devices)
  return made
}

const scene = async () => servedDevices({}, await copiedPki(withDevices))

describe('fioctl devices list', () => {
  test('shows all devices, in the order of their UUIDs', async () => {
    const { fioctl } = await scene()
    const { devices, total, next } = listOf(await fioctl.list())
    expect({ total, next }).toEqual({ total: 25, next: null })
    expect(devices.map(({ uuid }) => uuid)).toEqual(Array.from({ length: 25 }, (_, at) => uuidNumber(at + 1)))
    expect(devices[10]).toEqual({
      ...{ uuid: uuidNumber(11), name: 'Pump_15', factory: 'acme', status: '', 'is-prod': false },
      owner: expect.stringMatching(/^[0-9a-f]{24}$/),
      ...{ 'device-group': 'blue', group: { name: 'blue' }, 'created-at': '2026-07-15T12:00:00Z' },
      ...{ 'last-seen': '', 'ostree-hash': '', 'target-name': '', 'current-update': '', 'public-key': '' },
      ...{ 'up-to-date': false, 'is-wave': false },
      'change-meta': {
        ...{ 'created-at': '2026-07-15T12:00:00Z', 'created-by': '' },
        ...{ 'updated-at': '2026-07-15T12:00:00Z', 'updated-by': '' },
      },
    })
  })

  test('in pages, each of which names the next', async () => {
    const { fioctl, served } = await scene()
    const seen: number[] = []
    let answer = await fioctl.list({}, 1, 10)
    for (;;) {
      seen.push(...numbersOf(answer))
      const { next, total } = listOf(answer)
      expect(total).toBe(25)
      if (next === null) break
      const { origin, pathname, search } = new URL(next)
      expect(origin).toBe(served.url)
      answer = await fioctl.call('GET', pathname + search)
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, at) => at + 1))
    expect(numbersOf(await fioctl.list({}, 3, 10))).toEqual([21, 22, 23, 24, 25])
    expect(listOf(await fioctl.list({}, 4, 10))).toEqual({ devices: [], total: 25, next: null })
  })

  test.each([
    ['a group', { group: 'blue' }, [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]],
    ['production', { prod: '1' }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['no production', { prod: '0', group: 'blue', name: 'pump*' }, [11, 13, 15, 17, 19]],
    ['a UUID', { uuid: uuidNumber(7).toUpperCase() }, [7]],
    ['a pattern', { name: 'Pump_?1' }, [5, 15, 25]],
    ['all of a name', { name: 'Pump_0' }, []],
    ['a pattern of old versions', { name_ilike: 'pump\\_0%' }, [17, 19, 21, 23, 25]],
    ['any of a factory', { shared: '0', match_tag: '', name_ilike: '' }, Array.from({ length: 25 }, (_, at) => at + 1)],
    ['a tag, which no device has', { match_tag: 'main' }, []],
    ['a Target, which no device has', { target_name: 'x-lmp-1' }, []],
    ['the name, sorted', { sortby: '-name', name: 'pump*', prod: '1' }, [1, 3, 5, 7, 9]],
    ['last-seen, sorted', { sortby: 'last_seen', group: 'blue', name: 'P*' }, [11, 13, 15, 17, 19]],
  ])('by %s', async (_, filterBy, numbers) => {
    const { fioctl } = await scene()
    const answer = await fioctl.list(filterBy)
    expect(numbersOf(answer)).toEqual(numbers)
    expect(listOf(answer).total).toBe(numbers.length)
  })

  test('a filter has pages too', async () => {
    const { fioctl } = await scene()
    const first = await fioctl.list({ group: 'blue', sortby: 'name' }, 1, 6)
    const second = await fioctl.list({ group: 'blue', sortby: 'name' }, 2, 6)
    expect(listOf(first).next).toContain('group=blue')
    // Devices without a name are called by their UUIDs, and digits are before letters.
    expect([...numbersOf(first), ...numbersOf(second)]).toEqual([12, 14, 16, 18, 20, 19, 17, 15, 13, 11])
  })

  test.each([
    ['limit=0', 'limit is invalid'],
    ['limit=1001', 'limit is invalid'],
    ['limit=1e3', 'limit is invalid'],
    ['page=-1', 'page is invalid'],
    ['page=999999999', 'page is invalid'],
    ['limit=10&limit=20', 'limit is invalid'],
    [`name=${'*a'.repeat(60)}`, 'name is invalid'],
    ['sortby=owner', 'sortby is invalid'],
    ['prod=2', 'prod is invalid'],
  ])('%s is refused', async (query, msg) => {
    const { fioctl } = await scene()
    const answer = await fioctl.call('GET', `/ota/devices/?factory=acme&${query}`)
    expect(answer).toEqual({ status: 400, body: { msg: expect.stringContaining(msg) } })
  })

  test('without a register, there are no devices', async () => {
    const { fioctl } = await servedDevices({ devices: [] })
    expect(listOf(await fioctl.list())).toEqual({ devices: [], total: 0, next: null })
    expect(listOf(await fioctl.listDenied())).toEqual({ devices: [], total: 0, next: null })
    expect((await fioctl.show('x')).status).toBe(404)
    expect((await fioctl.deleteDenied(uuidNumber(1))).status).toBe(404)
  })

  test('a register that does not exist yet is empty, and then is not', async () => {
    const { fioctl, directory, served } = await servedDevices()
    expect(served.devices).toEqual([{ factory: 'acme', directory }])
    expect(listOf(await fioctl.list()).total).toBe(0)
    await recordDevices(directory, [{ uuid: uuidNumber(1) }])
    expect(listOf(await fioctl.list()).total).toBe(1)
  })
})

describe('fioctl devices show', () => {
  test('shows a device with its key', async () => {
    const made = await servedDevices()
    const pem = await deviceCertificate(made, uuidNumber(1))
    await made.fioctl.put({ 'client.pem': pem, name: 'kitchen' })
    const { status, body } = await made.fioctl.show('kitchen')
    expect({ status, body }).toMatchObject({ status: 200, body: { uuid: uuidNumber(1), name: 'kitchen' } })
    const { publicKey } = new X509Certificate(pem)
    expect(createPublicKey(String((body as { 'public-key': string })['public-key'])).equals(publicKey)).toBe(true)
    expect(await made.fioctl.show(uuidNumber(1), true)).toEqual({ status, body })
  })

  test('a device without a name is called by its UUID; one with a name is found by its UUID if asked to', async () => {
    const { fioctl, directory } = await servedDevices()
    const names = [[uuidNumber(2)], [uuidNumber(1), true]] as const
    const none = [[uuidNumber(1)], ['Pump_9'], ['pump_1'], ['%', true], ['..', false]] as const
    await recordDevices(directory, [{ uuid: uuidNumber(1), name: 'Pump_1' }, { uuid: uuidNumber(2) }])
    // Their certificates are not ones.
    for (const [name, byUuid] of names) expect((await fioctl.delete(name, byUuid)).status).toBe(200)
    for (const [name, byUuid] of none) expect([404, 400]).toContain((await fioctl.show(name, byUuid)).status)
  })

  test('two devices with one name are told apart by their UUIDs', async () => {
    const { fioctl, directory } = await servedDevices()
    await recordDevices(
      directory,
      [1, 2].map((number) => ({ uuid: uuidNumber(number), name: 'twin' })),
    )
    const several = { status: 409, body: { msg: 'several devices have this name; use the UUID of one' } }
    expect(await fioctl.show('twin')).toEqual(several)
    expect(await fioctl.delete('twin')).toEqual(several)
    expect((await fioctl.delete(uuidNumber(1), true)).status).toBe(200)
    expect((await fioctl.delete('twin')).status).toBe(200)
  })

  test('unprintable characters of names do not reach a terminal', async () => {
    const { fioctl, directory } = await servedDevices()
    await recordDevices(directory, [{ uuid: uuidNumber(1), name: `\u001b[2J${'x'.repeat(5000)}`, group: 'a\u202eb' }])
    const [device] = listOf(await fioctl.list()).devices
    expect(device).toMatchObject({ 'device-group': 'a\\u202eb', group: { name: 'a\\u202eb' } })
    expect(String(device?.['name'])).toMatch(/^\\u001b\[2Jx{252}$/)
  })
})

describe('fioctl devices rename', () => {
  test('gives a device another name, and its UUID back', async () => {
    const made = await servedDevices()
    await made.fioctl.put({ 'client.pem': await deviceCertificate(made, uuidNumber(1)) })
    const name = 'Küche 7'
    expect(await made.fioctl.rename(uuidNumber(1), name)).toMatchObject({ status: 200, body: { name } })
    expect(await made.fioctl.show(encodeURIComponent(name))).toMatchObject({ status: 200, body: { name } })
    expect((await made.fioctl.show(uuidNumber(1))).status).toBe(404)
    expect(await made.fioctl.rename(uuidNumber(1), uuidNumber(1), true)).toMatchObject({ status: 200 })
    expect(await made.fioctl.show(uuidNumber(1))).toMatchObject({ body: { name: uuidNumber(1) } })
  })

  test.each([
    ['', 400, 'up to 100 characters'],
    [' x', 400, 'a space'],
    ['a/b', 400, 'one of / ? # %'],
    ['a\u0007b', 400, 'unprintable'],
    ['ä'.repeat(17), 400, 'too long'],
    ['x'.repeat(101), 400, 'up to 100 characters'],
    ['Pump_25', 409, 'another device'],
    [uuidNumber(3), 409, 'another device'],
  ])('to %j is refused', async (name, status, msg) => {
    const { fioctl, directory } = await scene()
    expect(await fioctl.rename(uuidNumber(2), name)).toEqual({ status, body: { msg: expect.stringContaining(msg) } })
    const device = await withRegister(directory, (register) => register.device(uuidNumber(2)))
    expect(device?.name).toBe(uuidNumber(2))
  })

  test.each(['{"owner": "x"}', '{"group": "x"}', '{"name": "x", "group": "y"}', '{"name": 7}', '[]', '{'])(
    'with the body %s is refused',
    async (body) => {
      const { fioctl } = await scene()
      const path = `/ota/devices/${uuidNumber(2)}/?factory=acme`
      expect((await fioctl.call('PATCH', path, body)).status).toBe(400)
    },
  )
})

test('fioctl devices delete, list-denied and delete-denied', async () => {
  const { fioctl, directory } = await scene()
  expect(await fioctl.delete('Pump_25')).toEqual({ status: 200, body: {} })
  expect(await fioctl.delete(uuidNumber(2), true)).toEqual({ status: 200, body: {} })
  expect((await fioctl.delete('Pump_25')).status).toBe(404)
  expect(listOf(await fioctl.list()).total).toBe(23)
  expect(numbersOf(await fioctl.list({ prod: '1' }))).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
  expect((await fioctl.show(uuidNumber(1), true)).status).toBe(404)
  const denied = await fioctl.listDenied()
  expect(numbersOf(denied)).toEqual([1, 2])
  expect(listOf(denied)).toMatchObject({ total: 2, next: null, devices: [{ name: 'Pump_25', status: 'denied' }, {}] })
  expect(listOf(await fioctl.listDenied(1, 1)).next).toContain('page=2')
  const state = () => withRegister(directory, async (register) => (await register.device(uuidNumber(1)))?.state)
  expect(await state()).toBe('denied')
  expect(await fioctl.deleteDenied(uuidNumber(1))).toEqual({ status: 200, body: {} })
  expect(await state()).toBe('active')
  expect((await fioctl.deleteDenied(uuidNumber(1))).status).toBe(404)
  expect((await fioctl.deleteDenied('x')).status).toBe(404)
  const path = (number: number) => `/ota/factories/acme/denied-devices/${uuidNumber(number)}/`
  expect(await fioctl.call('GET', path(2))).toMatchObject({ status: 200, body: { uuid: uuidNumber(2) } })
  expect((await fioctl.call('GET', path(1))).status).toBe(404)
  const final = { reason: 'keyCompromise' as const, at: Date.now(), announce: false }
  await withRegister(directory, (register) => register.deny([uuidNumber(3)], final))
  const refused = { status: 403, body: { msg: 'the device is denied for ever (keyCompromise)' } }
  expect(await fioctl.deleteDenied(uuidNumber(3))).toEqual(refused)
  await withRegister(directory, (register) => register.deny([uuidNumber(2)], final))
  expect(numbersOf(await fioctl.listDenied())).toEqual([2, 3])
})

test('a DELETE may have an empty body, and its length', async () => {
  const { fioctl } = await scene()
  const path = `/ota/devices/${uuidNumber(2)}/?factory=acme`
  expect((await fioctl.call('DELETE', path, '')).status).toBe(200)
  expect((await fioctl.call('DELETE', path, '{')).status).toBe(400)
})

test('the owner of the devices is a user of the factory', async () => {
  const { fioctl } = await scene()
  const { status, body } = await fioctl.call('GET', '/ota/factories/acme/users/')
  const [{ owner } = { owner: '' }] = listOf(await fioctl.list()).devices
  expect({ status, body }).toEqual({ status: 200, body: [expect.objectContaining({ 'polis-id': owner })] })
})

describe('PUT /ota/devices/', () => {
  test('registers a device by its certificate, once', async () => {
    const made = await servedDevices()
    const pem = await deviceCertificate(made, uuidNumber(1), {
      subject: `/OU=acme/CN=${uuidNumber(1)}/businessCategory=production`,
    })
    const device = { 'client.pem': pem, name: 'kitchen', group: 'blue' }
    const expected = { uuid: uuidNumber(1), name: 'kitchen', 'device-group': 'blue', 'is-prod': true }
    expect(await made.fioctl.put(device)).toMatchObject({ status: 201, body: expected })
    expect(await made.fioctl.put(device)).toMatchObject({ status: 200, body: expected })
    const { serialNumber } = new X509Certificate(pem)
    const recorded = await withRegister(made.directory, (register) => register.device(uuidNumber(1)))
    expect(recorded).toMatchObject({ state: 'active', line: 'default', certificates: [{}] })
    expect(BigInt(`0x${recorded?.certificates[0]?.serial}`)).toBe(BigInt(`0x${serialNumber}`))
    const shown = await made.home.fpki(['ca', 'verify', made.directory, '--json'])
    const { findings }: { findings: readonly { status: string; code: string }[] } = JSON.parse(shown.stdout)
    expect(findings.filter(({ code }) => code.startsWith('devices'))).toMatchObject([{ status: 'ok' }])
  })

  test('takes another certificate for the same key, and none for another key', async () => {
    const made = await servedDevices()
    const keyPem = newP256Pem()
    for (const status of [201, 201])
      expect(
        await made.fioctl.put({ 'client.pem': await deviceCertificate(made, uuidNumber(1), { keyPem }) }),
      ).toMatchObject({ status })
    const other = await made.fioctl.put({ 'client.pem': await deviceCertificate(made, uuidNumber(1)) })
    expect(other).toEqual({ status: 409, body: { msg: `the device ${uuidNumber(1)} exists with another key` } })
    const again = await made.fioctl.put({ 'client.pem': await deviceCertificate(made, uuidNumber(2), { keyPem }) })
    expect(again).toMatchObject({
      status: 409,
      body: { msg: expect.stringContaining('its key is the key of the device') },
    })
    expect(listOf(await made.fioctl.list()).total).toBe(1)
  })

  test('a device that is denied stays denied', async () => {
    const made = await servedDevices()
    const device = { 'client.pem': await deviceCertificate(made, uuidNumber(1)) }
    expect((await made.fioctl.put(device)).status).toBe(201)
    expect((await made.fioctl.delete(uuidNumber(1))).status).toBe(200)
    expect(await made.fioctl.put(device)).toMatchObject({ status: 409 })
    expect(listOf(await made.fioctl.list()).total).toBe(0)
  })

  test('a name is that of one device', async () => {
    const made = await servedDevices()
    for (const [number, status] of [
      [1, 201],
      [2, 409],
    ] as const) {
      const pem = await deviceCertificate(made, uuidNumber(number))
      expect((await made.fioctl.put({ 'client.pem': pem, name: 'kitchen' })).status).toBe(status)
    }
  })

  test.each([
    ['no certificate', async () => ({}), 'client.pem is missing or invalid'],
    ['no object', async () => [], 'the body is not a JSON object'],
    ['no PEM', async () => ({ 'client.pem': 'x' }), 'is not a certificate'],
    [
      'two',
      async (made: Made) => ({ 'client.pem': (await deviceCertificate(made, uuidNumber(1))).repeat(2) }),
      'client.pem',
    ],
    ['17 kB', async () => ({ 'client.pem': 'x'.repeat(17 * 1024) }), 'client.pem is missing or invalid'],
    ['a name of another kind', async () => ({ 'client.pem': 'x', name: 7 }), 'name is missing or invalid'],
    [
      'the root as its issuer',
      async (made: Made) => ({ 'client.pem': await deviceCertificate(made, uuidNumber(1), { byRoot: true }) }),
      'not signed by an active device CA',
    ],
    [
      'the root itself',
      async (made: Made) => ({ 'client.pem': await made.text('factory_ca.pem') }),
      'not signed by an active device CA',
    ],
    ['no UUID', async (made: Made) => ({ 'client.pem': await deviceCertificate(made, 'x') }), 'not a UUID'],
    [
      'another OU too',
      async (made: Made) => ({
        'client.pem': await deviceCertificate(made, 'x', { subject: `/OU=acme/OU=b/CN=${uuidNumber(1)}` }),
      }),
      'OU',
    ],
    [
      'a CA',
      async (made: Made) => ({
        'client.pem': await deviceCertificate(made, uuidNumber(1), {
          extensions: 'basicConstraints=critical,CA:TRUE\n',
        }),
      }),
      'not a valid certificate of a device',
    ],
    [
      'the usage of a server',
      async (made: Made) => ({
        'client.pem': await deviceCertificate(made, uuidNumber(1), {
          extensions: 'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,serverAuth\n',
        }),
      }),
      'extKeyUsage',
    ],
    [
      'an unprintable name',
      async (made: Made) => ({ 'client.pem': await deviceCertificate(made, uuidNumber(1)), name: '\u001b[2J' }),
      'unprintable',
    ],
  ])('%s is refused, and nothing is recorded', async (_, deviceOf, msg) => {
    const made = await servedDevices()
    const answer = await made.fioctl.call('PUT', '/ota/devices/', JSON.stringify(await deviceOf(made)))
    expect(answer).toEqual({ status: 400, body: { msg: expect.stringContaining(msg) } })
    expect(listOf(await made.fioctl.list()).total).toBe(0)
  })

  test('a device of a disabled or revoked device CA is refused', async () => {
    const made = await servedDevices()
    const pem = await deviceCertificate(made, uuidNumber(1))
    for (const command of ['disable-device-ca', 'revoke-device-ca']) {
      await made.home.fpki(['ca', command, made.directory, '--ca-file', 'local-ca', '--yes'])
      expect(await made.fioctl.put({ 'client.pem': pem })).toMatchObject({ status: 400 })
    }
  })

  test('without a register, it is not known here', async () => {
    const made = await servedDevices({ devices: [] })
    const answer = await made.fioctl.put({ 'client.pem': await deviceCertificate(made, uuidNumber(1)) })
    expect(answer).toEqual({ status: 404, body: { msg: 'this server has no device register of the factory' } })
  })
})

test('takes the devices that fpki devices publish sends from another register', async () => {
  const made = await servedDevices()
  const pems: string[] = []
  for (const number of [1, 2]) pems.push(await deviceCertificate(made, uuidNumber(number)))
  const plant = await copiedPki()
  const ca = await fingerprintOfFile(plant.directory)
  const certificates = pems.map((pem, at) => {
    const { raw, serialNumber, publicKey } = new X509Certificate(pem)
    const keyHash = createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest()
    const name = at === 0 ? 'kitchen' : uuidNumber(at + 1)
    return newCertificate({ uuid: uuidNumber(at + 1), name, keyHash, der: raw, serial: serialNumber.toLowerCase() })
  })
  const order = { line: 'default', ca, at: ISSUED_AT, announce: true, certificates }
  await withRegister(plant.directory, (register) => register.commit(order))
  const token = (await made.home.fpki(['api', 'token', 'create', '--factory', 'acme'])).stdout.trim()
  const words = ['devices', 'publish', plant.directory, '--api', made.served.url]
  const published = await plant.home.fpki(words, { env: { FPKI_TOKEN: token } })
  expect(published).toMatchObject({ status: 0, stderr: expect.stringContaining('was informed of 2 devices') })
  const { devices } = listOf(await made.fioctl.list())
  expect(devices.map(({ name }) => name)).toEqual(['kitchen', uuidNumber(2)])
})

describe('tokens', () => {
  test('without one, or with that of another factory, nothing is shown or changed', async () => {
    const made = await servedDevices()
    const pem = await deviceCertificate(made, uuidNumber(1))
    const { fioctl: own } = made
    const other = await made.as('--factory', 'other')
    await own.put({ 'client.pem': pem })
    const nobody = fioctl(made.served.url, null)
    for (const [client, status] of [
      [other, 403],
      [nobody, 401],
    ] as const) {
      const answers = [client.list(), client.show(uuidNumber(1)), client.delete(uuidNumber(1)), client.listDenied()]
      const more = [
        client.put({ 'client.pem': pem }),
        client.rename(uuidNumber(1), 'x'),
        client.deleteDenied(uuidNumber(1)),
      ]
      for (const answer of await Promise.all([...answers, ...more])) expect(answer.status).toBe(status)
    }
    expect(listOf(await own.list()).total).toBe(1)
  })

  test('that are read-only change nothing', async () => {
    const made = await servedDevices()
    const pem = await deviceCertificate(made, uuidNumber(1))
    await made.fioctl.put({ 'client.pem': pem })
    const reader = await made.as('--factory', 'acme', '--scope', 'ci-read')
    expect(listOf(await reader.list()).total).toBe(1)
    expect((await reader.show(uuidNumber(1))).status).toBe(200)
    expect(listOf(await reader.listDenied()).total).toBe(0)
    const changes = [reader.delete(uuidNumber(1)), reader.rename(uuidNumber(1), 'x'), reader.put({ 'client.pem': pem })]
    for (const { status } of await Promise.all([...changes, reader.deleteDenied(uuidNumber(1))]))
      expect(status).toBe(403)
    expect(listOf(await reader.list()).total).toBe(1)
  })

  test('of all factories need the name of one', async () => {
    const made = await servedDevices()
    const all = await made.as('--all-factories')
    expect(listOf(await all.list()).total).toBe(0)
    expect(await all.call('GET', '/ota/devices/?limit=10')).toMatchObject({ status: 400 })
    expect((await all.call('GET', '/ota/devices/?factory=none')).status).toBe(404)
    expect((await all.call('GET', '/ota/devices/?factory=../acme')).status).toBe(404)
    // fioctl before it knew factories: the token has one.
    expect(listOf(await made.fioctl.call('GET', '/ota/devices/?limit=10')).total).toBe(0)
    expect((await all.put({ 'client.pem': await deviceCertificate(made, uuidNumber(1)) })).status).toBe(201)
  })
})

describe('a server does not start', () => {
  test('with two directories of a factory', async () => {
    const [made, other] = [await copiedPki(), await copiedPki()]
    const devices = [made.directory, other.directory].map((directory) => ({ directory, store: null }))
    await expect(servedDevices({ devices }, made)).rejects.toMatchObject({ code: 'ERR_USAGE', option: 'devices' })
  })

  test('with a directory of another PKI', async () => {
    const made = await copiedPki()
    const words = ['ca', 'create', made.path('../other'), '--factory', 'acme', '--state-dir', made.path('../state')]
    expect((await made.home.fpki(words)).status).toBe(0)
    const devices = [{ directory: made.path('../other'), store: null }]
    await expect(servedDevices({ devices }, made)).rejects.toMatchObject({ code: 'ERR_OTHER_ROOT' })
  })
})

test('names and certificates are not in the log', async () => {
  const { fioctl, log } = await scene()
  await fioctl.show('Pump_25')
  expect(log()).toContain('"/ota/devices/:name/"')
  expect(log()).not.toContain('Pump_25')
})
