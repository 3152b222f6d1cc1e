import { describe, expect, test } from 'vitest'
import { REFUSAL_CODES } from '../../../src/devices/refusal.js'
import { FpkiError } from '../../../src/errors.js'
import { buildCsr, CN, utf8Name } from '../../pki/support/csr.js'
import { pem } from '../../pki/support/der.js'
import { runProgram } from '../../support/cli.js'
import { certificatesIn, derOf, est } from './clients.js'
import { fakeScene, UUID } from './fake-scene.js'

const PKCS10 = { 'Content-Type': 'application/pkcs10' }
const REQUEST = buildCsr({ subject: utf8Name([CN, UUID]) })
const BODY = REQUEST.toString('base64')

describe('the status and the content type of a certificate', () => {
  const [bare, full] = ['application/pkcs7-mime', 'application/pkcs7-mime; smime-type=certs-only']
  test.each([
    ['auto', 'Go-http-client/1.1', 201, bare],
    ['auto', 'Go-http-client/2.0', 201, bare],
    ['auto', 'libest client', 200, full],
    ['auto', 'not Go-http-client/1.1', 200, full],
    ['auto', '', 200, full],
    ['200', 'Go-http-client/1.1', 200, full],
    ['201', 'curl/8', 201, bare],
  ] as const)('--est-status %s for %j: %d %s', async (choice, agent, status, type) => {
    const { server } = await fakeScene(choice)
    for (const path of ['simpleenroll', 'simplereenroll', 'site-a/simplereenroll']) {
      const answer = await est(server, path, { body: BODY, headers: { ...PKCS10, 'User-Agent': agent } })
      const { 'content-type': itsType, 'content-transfer-encoding': encoding } = answer.headers
      expect([answer.status, itsType, encoding]).toEqual([status, type, 'base64'])
    }
  })
})

test('the answer to a request is the issued certificate and nothing else, to the eyes of OpenSSL', async () => {
  const { server, identity, service } = await fakeScene('auto', [Buffer.alloc(0)])
  const answer = await est(server, 'simplereenroll', { body: BODY, headers: PKCS10 })
  expect((await certificatesIn(answer.text)).map(derOf)).toEqual([identity.der])
  expect(service.requests.map(Buffer.from)).toEqual([REQUEST])
  const der = Buffer.from(answer.text, 'base64')
  const cms = await runProgram('openssl', ['cms', '-cmsout', '-print', '-inform', 'DER'], { stdin: der })
  expect(cms.stdout).toMatch(
    /contentType: pkcs7-signedData[\s\S]*version: 1[\s\S]*eContent: <ABSENT>[\s\S]*signerInfos:\s*<EMPTY>/,
  )
  expect(answer.text).toMatch(/^([A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}\n$/)
})

test('cacerts has the root first, needs no client certificate, and knows its lines', async () => {
  const { server, identity } = await fakeScene()
  for (const path of ['cacerts', 'site-a/cacerts']) {
    const answer = await est(server, path)
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/pkcs7-mime'])
    expect(answer.headers['content-transfer-encoding']).toBe('base64')
    expect((await certificatesIn(answer.text)).map(derOf)).toEqual([identity.der])
  }
  expect((await est(server, 'site-b/cacerts')).status).toBe(404)
})

test('csrattrs asks for P-256, SHA-256, and the two extensions of a device', async () => {
  const { server } = await fakeScene()
  const answer = await est(server, 'csrattrs')
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/csrattrs'])
  const der = Buffer.from(answer.text, 'base64')
  const { status, stdout } = await runProgram('openssl', ['asn1parse', '-inform', 'DER'], { stdin: der })
  expect(status).toBe(0)
  const values = stdout
    .trim()
    .split('\n')
    .map((line) =>
      line
        .replace(/^.*?d=(\d+).*(cons|prim): /, '$1 ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
  expect(values).toEqual([
    ...['0 SEQUENCE', '1 SEQUENCE', '2 OBJECT :id-ecPublicKey', '2 SET', '3 OBJECT :prime256v1'],
    ...['1 SEQUENCE', '2 OBJECT :Extension Request', '2 SET', '3 SEQUENCE'],
    ...['4 SEQUENCE', '5 OBJECT :X509v3 Key Usage', '5 BOOLEAN :255', '5 OCTET STRING [HEX DUMP]:03020780'],
    ...['4 SEQUENCE', '5 OBJECT :X509v3 Extended Key Usage', '5 BOOLEAN :255'],
    ...['5 OCTET STRING [HEX DUMP]:300A06082B06010505070302', '1 OBJECT :ecdsa-with-SHA256'],
  ])
  expect((await est(server, 'site-b/csrattrs')).status).toBe(404)
})

describe('a body', () => {
  const big = 'A'.repeat(1024 * 1024)
  test.each([
    ['in one line', BODY, PKCS10, 200],
    ['in lines', `${BODY.replace(/.{64}/g, '$&\r\n')}\r\n`, PKCS10, 200],
    ['with any Content-Transfer-Encoding', BODY, { ...PKCS10, 'Content-Transfer-Encoding': 'binary' }, 200],
    ['with parameters of its type', BODY, { 'Content-Type': 'application/pkcs10; charset=us-ascii' }, 200],
    ['as PEM', pem('CERTIFICATE REQUEST', REQUEST), PKCS10, 400],
    ['as DER', REQUEST, PKCS10, 400],
    ['that is no base64', 'a request?', PKCS10, 400],
    ['that is cut off', BODY.slice(0, -1), PKCS10, 400],
    ['that is empty', '', PKCS10, 400],
    ['of another type', BODY, { 'Content-Type': 'application/pkcs7-mime' }, 415],
    ['of JSON', '{}', { 'Content-Type': 'application/json' }, 415],
    ['of text', BODY, { 'Content-Type': 'text/plain' }, 415],
    ['without a type', BODY, {}, 415],
    ['of 1 MB', big, PKCS10, 413],
  ])('%s', async (_, body, headers, status) => {
    const { server, service } = await fakeScene()
    const answer = await est(server, 'simplereenroll', { body, headers })
    expect(answer.status).toBe(status)
    expect(service.requests.length).toBe(status === 200 ? 1 : 0)
    if (status === 200) return
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(answer.text).toMatch(/^[^\n{]+\n$/)
  })
})

test('what is no operation, or no method of one', async () => {
  const { server, service } = await fakeScene()
  const post = (path: string) => est(server, path, { body: BODY, headers: PKCS10 })
  for (const path of ['serverkeygen', 'fullcmc', 'site-a/fullcmc']) expect((await post(path)).status).toBe(501)
  for (const path of ['', 'other', 'site-a', 'site-a/other', 'a/b/simpleenroll'])
    expect((await post(path)).status).toBe(404)
  for (const [method, path, allowed] of [
    ['GET', 'simpleenroll', 'POST'],
    ['DELETE', 'simplereenroll', 'POST'],
    ['PUT', 'cacerts', 'GET, HEAD'],
    ['POST', 'csrattrs', 'GET, HEAD'],
  ] as const) {
    const answer = await est(server, path, { method })
    expect([answer.status, answer.headers['allow']]).toEqual([405, allowed])
  }
  expect(service.requests).toEqual([])
})

test('what a client shows: its certificate, a password, the line in the URL', async () => {
  const { server, service, identity } = await fakeScene()
  const basic = (text: string) => ({ ...PKCS10, Authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  await est(server, 'site-a/simpleenroll', { body: BODY, headers: basic(`${UUID}:fpki_a:b`) })
  await est(server, 'simpleenroll', { body: BODY, headers: { ...PKCS10, Authorization: 'Bearer x' } })
  await est(server, 'simplereenroll', { body: BODY, headers: PKCS10, device: identity })
  await est(server, 'cacerts', { device: identity })
  const nothing = { line: null, certificate: null, token: null }
  const questions = service.questions.map((one) => ({ ...one, certificate: one.certificate?.raw ?? null }))
  expect(questions).toEqual([
    { ...nothing, operation: 'enroll', line: 'site-a', token: 'fpki_a:b' },
    { ...nothing, operation: 'enroll' },
    { ...nothing, operation: 'renew', certificate: identity.der },
  ])
  expect(service.noted).toEqual([identity.der])
})

test('401 asks for a password; wrong ones are answered for a while, then 429', async () => {
  const { server, service } = await fakeScene()
  const post = () => est(server, 'simpleenroll', { body: BODY, headers: PKCS10 })
  service.identified = { kind: 'anonymous' }
  const answer = await post()
  expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Basic realm="fpki"'])
  service.identified = { kind: 'unknown' }
  const answers = await Promise.all(Array.from({ length: 12 }, post))
  expect(answers.filter(({ status }) => status === 401).length).toBe(10)
  const limited = answers.filter(({ status }) => status === 429)
  expect(limited.map(({ headers }) => headers['retry-after'])).toEqual(['1', '1'])
  expect(service.requests).toEqual([])
})

test('every refusal is one sentence with its status, one line of the log, and one count', async () => {
  const { server, service, log, metrics } = await fakeScene()
  const seen: Record<string, string[]> = {}
  for (const code of REFUSAL_CODES) {
    service.outcome = { kind: 'refused', uuid: UUID, code, reason: 'it is so' }
    const { status, text, headers } = await est(server, 'simplereenroll', { body: BODY, headers: PKCS10 })
    expect(text).toBe('the request was refused: it is so\n')
    expect(headers['retry-after']).toBe(status === 429 ? '3600' : undefined)
    seen[status] = [...(seen[status] ?? []), code]
  }
  expect(Object.keys(seen)).toEqual(['400', '403', '409', '429'])
  expect(seen['409']).toEqual(['key-reused', 'serial-taken', 'uuid-taken'])
  expect(seen['429']).toEqual(['renewal-too-often'])
  expect(seen['400']?.every((code) => code.startsWith('csr-') || code === 'input-unreadable')).toBe(true)
  const codes = [...log().matchAll(/"code":"([a-z-]+)"/g)].map(([, code]) => code)
  expect(codes).toEqual(REFUSAL_CODES)
  expect(log()).not.toContain('it is so')
  const text = await metrics()
  for (const code of REFUSAL_CODES)
    expect(text).toContain(`fpki_est_certificates_total{operation="renew",outcome="${code}"} 1`)
})

test('503 with Retry-After when something is not available, 500 without details for a fault', async () => {
  const { server, service, log } = await fakeScene()
  for (const [error, status] of [
    [new FpkiError('ERR_STORE_AWAY', 'The database /secret/place is away.', 'Start it.'), 503],
    [new FpkiError('ERR_HSM_TOKEN', 'The token /secret/place is gone.', 'Plug it in.'), 503],
    [new TypeError('/secret/place is undefined'), 500],
  ] as const) {
    service.outcome = error
    const answer = await est(server, 'simplereenroll', { body: BODY, headers: PKCS10 })
    expect([answer.status, answer.headers['retry-after'] !== undefined]).toEqual([status, status === 503])
    expect(answer.text).not.toContain('secret')
    expect(log()).toContain(error.message)
  }
})

test('nothing that a client wrote is in the log', async () => {
  const { server, service, log } = await fakeScene()
  service.identified = { kind: 'unknown' }
  const secret = `fpki_0123456789abcdef_${'s'.repeat(43)}`
  const headers = { ...PKCS10, Authorization: `Basic ${Buffer.from(`odd-user:${secret}`).toString('base64')}` }
  await est(server, 'odd-line/simpleenroll', { body: BODY, headers: { ...headers, 'User-Agent': 'odd-agent' } })
  expect(log()).toMatch(/"route":"\/.well-known\/est\/:line\/simpleenroll"/)
  for (const text of [secret, 'odd-user', 'odd-line', 'odd-agent', headers.Authorization.slice(6)])
    expect(log()).not.toContain(text)
})

test('any client certificate gets as far as the service', async () => {
  const { server, service, identity } = await fakeScene()
  service.identified = { kind: 'refused', uuid: null, code: 'client-issuer', reason: 'it is of another CA' }
  const answer = await est(server, 'simplereenroll', { body: BODY, headers: PKCS10, device: identity })
  expect([answer.status, answer.text]).toEqual([403, 'the request was refused: it is of another CA\n'])
})
