import { describe, expect, test } from 'vitest'
import { answerRequest, type WireAnswer } from '../../src/factory/answer.js'
import type { FactoryApi } from '../../src/factory/api.js'
import { parseAndVerifyCsr } from '../../src/pki/csr.js'
import { FACTORY, newRoot } from '../support/issue.js'
import { localCaOf, newFactory, pemOf, signed } from './support/embedded.js'

const CERTS = `/ota/factories/${FACTORY}/certs/`
const FIRST = { 'first-time-init': true, 'ca-csr': true, 'est-tls-csr': false, 'tls-csr': true }

function asking(api: FactoryApi) {
  return (method: string, path = CERTS, body?: unknown): Promise<WireAnswer> =>
    answerRequest({ method, path, body }, (factory) => (factory === FACTORY ? api : null))
}

function member({ body }: WireAnswer, name: string): string {
  return (body as Record<string, string>)[name] ?? ''
}

test('the first conversation of a factory has the statuses and bodies that fioctl expects', async () => {
  const ask = asking((await newFactory()).api)
  const root = await newRoot()
  expect(await ask('GET')).toEqual({ status: 206, body: { msg: 'not initialized' } })
  const csrs = await ask('POST', CERTS, FIRST)
  expect({ status: csrs.status, kinds: Object.keys(csrs.body as object) }).toEqual({
    status: 201,
    kinds: ['ca-csr', 'tls-csr'],
  })
  expect(() => parseAndVerifyCsr(member(csrs, 'ca-csr'), 'ca-csr')).not.toThrow()
  const tlsCrt = await signed(member(csrs, 'tls-csr'), 'tls', root)
  const update = { 'root-crt': pemOf(root.certificate), 'tls-crt': tlsCrt, 'change-meta': { 'created-by': '' } }
  expect(await ask('PATCH', CERTS, update)).toEqual({ status: 202, body: {} })
  const known = await ask('GET')
  expect(known).toMatchObject({ status: 200, body: { 'tls-crt': tlsCrt, 'est-tls-crt': null, 'ca-crt': null } })
  const conflict = { status: 409, body: { msg: 'factory PKI is already initialized' } }
  expect(await ask('POST', CERTS, FIRST)).toEqual(conflict)
  expect(await ask('PATCH', CERTS, update)).toMatchObject({ status: 409 })
  expect(await ask('GET')).toEqual(known)
})

test('the user is returned for self and for its own id', async () => {
  const { api } = await newFactory()
  const { polisId } = await api.getUser()
  const ask = asking(api)
  const self = await ask('GET', `/ota/factories/${FACTORY}/users/self/`)
  expect(self).toMatchObject({ status: 200, body: { 'polis-id': polisId, role: 'owner' } })
  expect(await ask('GET', `/ota/factories/${FACTORY}/users/${polisId}/`)).toEqual(self)
  expect(await ask('GET', `/ota/factories/${FACTORY}/users/another/`)).toMatchObject({ status: 404 })
})

describe('is refused, and changes nothing:', () => {
  test.each([
    ['GET', '/ota/factories/other/certs/', undefined, 404, 'not found'],
    ['GET', CERTS.slice(0, -1), undefined, 404, 'not found'],
    ['GET', `/x${CERTS}`, undefined, 404, 'not found'],
    ['GET', '/ota/factories//certs/', undefined, 404, 'not found'],
    ['DELETE', CERTS, undefined, 405, 'method not allowed'],
    ['PATCH', `/ota/factories/${FACTORY}/users/self/`, {}, 405, 'method not allowed'],
    ['POST', CERTS, { 'first-time-init': true }, 400, 'ca-csr is missing or has the wrong type'],
    ['POST', CERTS, { ...FIRST, 'tls-csr': 'yes' }, 400, 'tls-csr is missing or has the wrong type'],
    ['PATCH', CERTS, { 'tls-crt': {} }, 400, 'tls-crt is missing or has the wrong type'],
    ['PATCH', CERTS, 'x', 400, 'the body is not a JSON object'],
    ['PATCH', CERTS, undefined, 400, 'the body is not a JSON object'],
    ['PATCH', CERTS, { 'root-crt': 'x' }, 400, 'root-crt is not a certificate: it contains no PEM block'],
  ])('%s %s %j', async (method, path, body, status, msg) => {
    const { api } = await newFactory()
    expect(await asking(api)(method, path, body)).toEqual({ status, body: { msg } })
    expect(await api.getCertificates()).toBeNull()
  })
})

test('other errors are thrown, not sent to the client', async () => {
  const { api } = await newFactory()
  const broken: FactoryApi = { ...api, getCertificates: () => Promise.reject(new Error('/srv/secret')) }
  await expect(asking(broken)('GET')).rejects.toThrow('/srv/secret')
})

describe('a conditional update', () => {
  test('is accepted with the current version, and refused with any other: 412', async () => {
    const { api } = await newFactory()
    const root = await newRoot()
    const patch = (ifMatch: string, body: unknown) =>
      answerRequest({ method: 'PATCH', path: CERTS, body, ifMatch }, () => api)
    const first = { 'root-crt': pemOf(root.certificate) }
    expect(await patch('*', first)).toMatchObject({ status: 412 })
    expect(await api.getCertificates()).toBeNull()
    await asking(api)('PATCH', CERTS, first)
    const { etag } = await asking(api)('GET')
    const { ca = '', tls = '' } = await api.requestCsrs({ firstTimeInit: false, kinds: ['ca', 'tls'] })
    const caCrt = { 'ca-crt': await signed(ca, 'ca', root) }
    for (const other of ['', 'x', '"x"', `W/${etag}`, String(etag).slice(1, -1)]) {
      expect(await patch(other, caCrt)).toEqual({
        status: 412,
        body: { msg: 'the certificates have changed since they were read' },
      })
    }
    expect((await asking(api)('GET')).etag).toBe(etag)
    expect(await patch(`"x", ${etag}`, caCrt)).toEqual({ status: 202, body: {} })
    expect(await patch(String(etag), { 'tls-crt': await signed(tls, 'tls', root) })).toMatchObject({ status: 412 })
    expect((await asking(api)('GET')).etag).not.toBe(etag)
    expect(await patch('*', { 'tls-crt': await signed(tls, 'tls', root) })).toEqual({ status: 202, body: {} })
  })

  test('succeeds once among many concurrent ones for the same version', async () => {
    const { api } = await newFactory()
    const root = await newRoot()
    await api.updateCertificates({ rootCrt: pemOf(root.certificate) })
    const { version = '' } = (await api.getCertificates()) ?? {}
    const lists = await Promise.all([1, 2, 3, 4].map(() => localCaOf(api, root)))
    const ended = await Promise.allSettled(lists.map((caCrt) => api.updateCertificates({ caCrt }, version)))
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const won = lists[ended.findIndex(({ status }) => status === 'fulfilled')]
    expect((await api.getCertificates())?.caCrt).toBe(won)
  })
})
