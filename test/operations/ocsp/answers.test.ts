import { expect, test } from 'vitest'
import { newSerial, ocspScene } from './scene.js'

const HOUR = 3_600_000

test('OpenSSL verifies what is said of good, revoked and unknown certificates', async () => {
  const scene = await ocspScene()
  const at = Date.parse('2026-11-20T10:00:00.700Z')
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['good', scene.certificate(), /Cert Status: good/],
    [
      'revoked',
      scene.certificate({ revocation: { at, reason: 'keyCompromise' } }),
      /Cert Status: revoked\n *Revocation Time: Nov 20 10:00:00 2026 GMT\n *Revocation Reason: keyCompromise \(0x1\)/,
    ],
    [
      'revoked',
      scene.certificate({ revocation: { at, reason: 'certificateHold' } }),
      /Revocation Reason: certificateHold \(0x6\)/,
    ],
    [
      'revoked',
      scene.certificate({ revocation: { at, reason: 'unspecified' } }),
      /Cert Status: revoked\n *Revocation Time: .*\n *This Update/,
    ],
    ['unknown', newSerial(), /Cert Status: unknown/],
    ['unknown', scene.certificate({ ca: '00'.repeat(32) }), /Cert Status: unknown/],
  ]
  for (const [outcome, serial, text] of cases) {
    const request = await scene.request(serial)
    const answer = await scene.service.answer(request)
    expect(answer.outcome).toBe(outcome)
    const read = await scene.read(request, answer.der)
    expect(read).toContain('Response verify OK')
    expect(read).toMatch(text)
  }
  expect(scene.warnings).toEqual([])
})

test('an answer has the nonce of its request, and is not kept', async () => {
  const scene = await ocspScene()
  const request = await scene.request(scene.certificate(), ['-nonce'])
  const [one, other] = [await scene.service.answer(request), await scene.service.answer(request)]
  expect(one.cache).toBeNull()
  expect(Buffer.from(one.der).equals(other.der)).toBe(false)
  const read = await scene.read(request, one.der)
  expect(read).toMatch(/OCSP Nonce/)
  expect(read).not.toContain('no nonce in response')
})

test('a CertID with SHA-256, and several certificates in one request', async () => {
  const scene = await ocspScene()
  const other = scene.certificate({ revocation: { at: Date.now(), reason: 'superseded' } })
  const flags = ['-no_nonce', '-sha256', '-issuer', scene.path('local-ca.pem'), '-serial', `0x${other}`, '-sha256']
  const request = await scene.request(scene.certificate(), flags)
  const answer = await scene.service.answer(request)
  expect(answer).toMatchObject({ outcome: 'several', cache: null })
  const read = await scene.read(request, answer.der)
  expect(read).toContain('Response verify OK')
  expect(read.match(/Hash Algorithm: sha256/g)).toHaveLength(2)
  expect(read).toMatch(/Cert Status: revoked[\s\S]*Cert Status: good/)
})

test('an answer is kept for half its validity, and the register is asked every two seconds', async () => {
  const scene = await ocspScene()
  const request = await scene.request(scene.certificate())
  const first = await scene.service.answer(request)
  const asked = scene.register.asked
  expect(await scene.service.answer(request)).toBe(first)
  expect(scene.register.asked).toBe(asked)
  scene.later(2000)
  expect(await scene.service.answer(request)).toBe(first)
  expect(scene.register.asked).toBe(asked + 1)
  scene.later(HOUR / 2 - 4000)
  expect(await scene.service.answer(request)).toBe(first)
  scene.later(4000)
  const second = await scene.service.answer(request)
  expect(second.cache?.nextUpdate.getTime()).toBe((first.cache?.nextUpdate.getTime() ?? 0) + HOUR / 2 + 2000)
})

test('certificates in demand are read again together', async () => {
  const scene = await ocspScene()
  const requests = await Promise.all([1, 2, 3].map(() => scene.request(scene.certificate())))
  const answerAll = () => Promise.all(requests.map((request) => scene.service.answer(request)))
  for (const request of requests) await scene.service.answer(request)
  const { asked } = scene.register
  scene.later(1500)
  await answerAll()
  scene.later(500)
  await scene.service.answer(requests[0] ?? Buffer.from(''))
  await answerAll()
  expect(scene.register.asked).toBe(asked + 1)
})

test('a denial is answered two seconds later at most, and so is its end', async () => {
  const scene = await ocspScene()
  const serial = scene.certificate()
  const request = await scene.request(serial)
  const status = scene.register.known.get(serial)
  if (status === undefined) throw new Error('the register knows it')
  expect((await scene.service.answer(request)).outcome).toBe('good')
  scene.register.known.set(serial, { ...status, revocation: { at: scene.now().getTime(), reason: 'certificateHold' } })
  scene.later(2000)
  expect((await scene.service.answer(request)).outcome).toBe('revoked')
  scene.register.known.set(serial, status)
  scene.later(2000)
  expect((await scene.service.answer(request)).outcome).toBe('good')
})

test('a certificate is not said to be good for longer than until it is superseded', async () => {
  const scene = await ocspScene()
  const endsAt = Math.floor(scene.now().getTime() / 1000) * 1000 + 10 * 60_000
  const { cache } = await scene.service.answer(await scene.request(scene.certificate({ endsAt })))
  expect(cache?.nextUpdate.getTime()).toBe(endsAt)
})

test('unknown is said for five minutes only, and caches do not keep it', async () => {
  const scene = await ocspScene()
  const request = await scene.request(newSerial())
  const answer = await scene.service.answer(request)
  expect(answer.cache).toBeNull()
  const [, from = '', to = ''] =
    /This Update: (.*)\n *Next Update: (.*)/.exec(await scene.read(request, answer.der)) ?? []
  expect(Date.parse(to) - Date.parse(from)).toBe(5 * 60_000)
})

test('while the register is not available, answers that are still valid are given, and nothing else', async () => {
  const scene = await ocspScene()
  const [kept, other] = [await scene.request(scene.certificate()), await scene.request(scene.certificate())]
  const answer = await scene.service.answer(kept)
  scene.register.isAway = true
  scene.later(5000)
  expect(await scene.service.answer(kept)).toBe(answer)
  const refused = await scene.service.answer(other)
  expect(refused.outcome).toBe('tryLater')
  expect(await scene.read(other, refused.der).catch(String)).toMatch(/trylater \(3\)/)
  expect(await scene.service.whyUnavailable()).toBe('the device register is not available')
  scene.later(HOUR)
  expect((await scene.service.answer(kept)).outcome).toBe('tryLater')
  expect(scene.warnings).toEqual(['OCSP requests cannot be answered now: The database is away.'])
  scene.register.isAway = false
  expect((await scene.service.answer(other)).outcome).toBe('good')
  expect(await scene.service.whyUnavailable()).toBeNull()
  expect(scene.notes).toEqual(['OCSP requests are answered again.'])
})

test('requests about another CA, or about several CAs, are not answered', async () => {
  const scene = await ocspScene()
  const root = ['-no_nonce', '-issuer', scene.path('factory_ca.pem'), '-serial', '0x01']
  const request = await scene.request(scene.certificate(), root)
  const answer = await scene.service.answer(request)
  expect(answer.outcome).toBe('unauthorized')
  expect(await scene.read(request, answer.der).catch(String)).toMatch(/unauthorized \(6\)/)
})

test('every truncation of a request, and every flipped bit, has an answer', async () => {
  const scene = await ocspScene()
  const request = await scene.request(scene.certificate(), ['-nonce'])
  for (let length = 0; length < request.length; length++)
    expect((await scene.service.answer(request.subarray(0, length))).outcome).toBe('malformedRequest')
  const outcomes = new Set<string>()
  for (let bit = 0; bit < request.length * 8; bit += 5) {
    const changed = Buffer.from(request)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    outcomes.add((await scene.service.answer(changed)).outcome)
  }
  expect([...outcomes].toSorted()).toEqual(['good', 'malformedRequest', 'unauthorized', 'unknown'])
})
