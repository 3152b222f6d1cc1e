import { describe, expect, test } from 'vitest'
import { isPrivateAddress, readNetworks } from '../../../src/server/networks.js'
import { wrongCredentials } from '../../../src/server/wrong-credentials.js'
import { ALL_POINTS } from '../../support/points.js'
import { send } from '../../support/register-client.js'
import { FILES, registrationScene, TOKEN } from './scene.js'
import { newServerIdentity, newStation } from './tls.js'

const BODY = JSON.stringify({ csr: 'x' })
const BASE64 = Buffer.from(TOKEN).toString('base64')

describe('a token', () => {
  test.each([
    ['OSF-TOKEN', { 'OSF-TOKEN': TOKEN }],
    ['Bearer with base64', { Authorization: `Bearer ${BASE64}` }],
    ['Bearer with the token itself', { Authorization: `bearer ${TOKEN}` }],
  ])('is accepted as %s', async (_, headers) => {
    const { url } = await registrationScene()
    const all = { 'Content-Type': 'application/json', ...headers }
    const { status, text } = await send({ api: url, headers: all }, { method: 'POST', path: '/sign', body: BODY })
    expect({ status, files: JSON.parse(text) }).toEqual({ status: 201, files: FILES })
  })

  test('is read from the header that is set, and not from another', async () => {
    const { url } = await registrationScene({ tokenHeader: 'X-Line-Token' })
    const register = (headers: Record<string, string>) =>
      send(
        { api: url, headers: { 'Content-Type': 'application/json', ...headers } },
        { method: 'POST', path: '/sign', body: BODY },
      )
    expect((await register({ 'x-line-token': TOKEN })).status).toBe(201)
    expect((await register({ 'OSF-TOKEN': TOKEN })).status).toBe(401)
  })
})

test('without credentials, 401 says what is needed and what is not supported', async () => {
  const { url, service } = await registrationScene()
  const headers = { 'Content-Type': 'application/json' }
  const answer = await send({ api: url, headers }, { method: 'POST', path: '/sign', body: BODY })
  expect({ status: answer.status, scheme: answer.headers['www-authenticate'] }).toEqual({
    status: 401,
    scheme: 'Bearer',
  })
  const { message } = JSON.parse(answer.text)
  expect(message).toMatch(/token is needed/)
  expect(message).toMatch(/OAuth device flow is not supported/)
  expect(service.proofs).toEqual([])
})

test('plain HTTP is answered only for clients in the listed networks', async () => {
  const [ours, others] = [['127.0.0.0/8', '::1/128'], ['10.0.0.0/8']].map((list) => readNetworks(list, 'insecureHttp'))
  expect((await (await registrationScene({ clients: ours ?? null })).post(BODY)).status).toBe(201)
  await expect((await registrationScene({ clients: others ?? null })).post(BODY)).rejects.toThrow(/ECONNRESET|hang up/)
})

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'a/8', '', '10.0.0.0/-1', '::ffff/'])(
  'the network %j is refused',
  (text) => {
    expect(() => readNetworks([text], 'insecureHttp')).toThrow('Invalid network')
  },
)

test('an IPv4 address is in its network also when it arrives as IPv6', () => {
  const networks = readNetworks(['192.168.10.0/24', 'fd00::/8'], 'insecureHttp')
  const addresses = ['192.168.10.7', '::ffff:192.168.10.7', 'fd00::1', '192.168.11.7', '::ffff:192.168.11.7', 'fe00::1']
  expect(addresses.filter(networks.has)).toEqual(addresses.slice(0, 3))
})

test('private addresses are told from public ones', () => {
  const all = [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.7.1',
    '100.64.0.1',
    '169.254.1.1',
    '::1',
    'fd12::1',
    'fe80::1',
  ]
  expect(all.filter((address) => !isPrivateAddress(address))).toEqual([])
  const others = ['0.0.0.0', '::', '172.32.0.1', '100.128.0.1', '192.0.2.1', '2001:db8::1', 'localhost', '']
  expect(others.filter(isPrivateAddress)).toEqual([])
})

describe('a station', () => {
  test('is known by its client certificate, whatever token its devices send', async () => {
    const identity = await newServerIdentity()
    const scene = await registrationScene({ identity: { key: identity.key, certificate: identity.cert } })
    const [station, other] = [await newStation(), await newStation()]
    scene.service.authenticate = async (proof) => {
      scene.service.proofs.push(proof)
      if (proof.kind !== 'station' || !Buffer.from(proof.certificate).equals(station.der)) return null
      return { credential: { kind: 'station', line: 'site-a', name: 'east' }, line: 'site-a' }
    }
    const post = (client: { key: string; cert: string } | undefined, token: string) => {
      const all = { 'Content-Type': 'application/json', 'OSF-TOKEN': token }
      const tls = client === undefined ? {} : { identity: { key: client.key, cert: client.cert } }
      return send(
        { api: scene.url, trust: identity.cert, headers: all, ...tls },
        { method: 'POST', path: '/sign', body: BODY },
      )
    }
    expect((await post(station, 'dummy')).status).toBe(201)
    expect((await post(other, TOKEN)).status).toBe(401)
    expect((await post(undefined, 'dummy')).status).toBe(401)
    expect(scene.service.proofs.map(({ kind }) => kind)).toEqual(['station', 'station', 'token'])
    expect(scene.log()).toContain('"credential":"station:site-a/east"')
  })
})

describe('wrong credentials', () => {
  test('are limited a client, and right ones pass all the same', async () => {
    const { post, service, metrics } = await registrationScene()
    const wrong = () => post(BODY, { headers: { 'OSF-TOKEN': 'fpki_wrong' } })
    const statuses: number[] = []
    for (let at = 0; at < 13; at++) statuses.push((await wrong()).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429, 429])
    const limited = await wrong()
    expect({ after: limited.headers['retry-after'], text: JSON.parse(limited.text) }).toEqual({
      after: '1',
      text: { message: 'too many wrong credentials from this address' },
    })
    expect((await post(BODY)).status).toBe(201)
    expect(service.requests.length).toBe(1)
    const text = await metrics()
    expect(text).toContain('fpki_registration_wrong_credentials_total{limited="no"} 10')
    expect(text).toContain('fpki_registration_wrong_credentials_total{limited="yes"} 4')
  })

  test('in great number fill neither the log nor the memory, and stop nobody', async () => {
    const { post, service, log, metrics } = await registrationScene()
    const count = ALL_POINTS ? 10_000 : 300
    for (let at = 0; at < count; at += 20) {
      const wrong = Array.from({ length: 19 }, (_, one) => post(BODY, { headers: { 'OSF-TOKEN': `fpki_${at + one}` } }))
      const [right, ...others] = await Promise.all([post(BODY), ...wrong])
      expect(right?.status).toBe(201)
      for (const { status } of others) expect([401, 429]).toContain(status)
    }
    expect(service.requests.length).toBe(count / 20)
    expect(log().match(/"status":401/g)?.length).toBe(10)
    expect(log()).not.toContain('"status":429')
    expect((await metrics()).length).toBeLessThan(10_000)
  }, 240_000)

  test('are forgiven at one a second', () => {
    const clock = { seconds: 0 }
    const wrong = wrongCredentials(() => clock.seconds, { burst: 2, perSecond: 1, clients: 10 })
    expect([wrong.count('192.0.2.1'), wrong.count('192.0.2.1'), wrong.count('192.0.2.1')]).toEqual([null, null, 1])
    clock.seconds = 0.5
    expect(wrong.count('192.0.2.1')).toBe(1)
    clock.seconds = 1
    expect([wrong.count('192.0.2.1'), wrong.count('192.0.2.1')]).toEqual([null, 1])
    clock.seconds = 100
    expect([1, 2, 3].map(() => wrong.count('192.0.2.1'))).toEqual([null, null, 1])
  })

  test.each([
    ['the same /64', '2001:db8:0:1::1', '2001:0DB8::1:ffff:0:0:9', true],
    ['another /64', '2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['IPv4 in IPv6', '::ffff:192.0.2.1', '192.0.2.1', true],
    ['another IPv4 in IPv6', '::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
    ['with a zone', 'fe80::1%eth0', 'fe80::2', true],
  ])('are counted together for %s', (_, one, other, isSame) => {
    const wrong = wrongCredentials(() => 0, { burst: 1, perSecond: 1, clients: 10 })
    expect([wrong.count(one), wrong.count(other)]).toEqual([null, isSame ? 1 : null])
  })

  test('of those seen longest ago are forgotten', () => {
    const wrong = wrongCredentials(() => 0, { burst: 1, perSecond: 1, clients: 2 })
    const answers = ['a', 'b', 'a', 'c', 'a', 'b'].map((client) => wrong.count(client))
    // c pushes b out.
    expect(answers).toEqual([null, null, 1, null, 1, null])
  })
})
