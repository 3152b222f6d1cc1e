import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as wire from '../../src/factory/wire.js'

interface Exchange {
  readonly method: string
  readonly path: string
  readonly request: Readonly<Record<string, unknown>>
  readonly status: number
  readonly response: Readonly<Record<string, unknown>>
}

const TRANSCRIPT = new URL('../fixtures/fioctl/file/transcript.jsonl', import.meta.url)
const EXCHANGES: readonly Exchange[] = readFileSync(TRANSCRIPT, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

function those(method: string, status: number, part = 'certs'): readonly Exchange[] {
  const found = EXCHANGES.filter((one) => one.method === method && one.status === status && one.path.includes(part))
  expect(found.length).toBeGreaterThan(0)
  return found
}

const PEM = 'a certificate'

test('the responses recorded with fioctl round-trip', () => {
  for (const { response } of those('GET', 200)) {
    const known = wire.certificatesFromWire(wire.wireCertificates.parse(response))
    expect(known === null ? null : wire.certificatesToWire(known)).toEqual(response)
  }
  for (const { response } of those('POST', 201)) {
    expect(wire.csrsToWire(wire.csrsFromWire(wire.wireCsrs.parse(response)))).toEqual(response)
  }
  for (const { response } of those('GET', 200, 'users')) {
    const { polisId, name } = wire.userFromWire(wire.wireUser.parse(response))
    expect({ polisId, name }).toEqual({ polisId: '5f0e1c2d', name: 'User' })
    expect(wire.userToWire({ polisId, name })).toEqual(response)
  }
})

test('fioctl sends what fpki would send, apart from its empty change-meta', () => {
  for (const { request } of those('POST', 201)) {
    expect(wire.csrOrderToWire(wire.csrOrderFromWire(wire.wireCsrOrder.parse(request)))).toEqual(request)
  }
  const updates = those('PATCH', 202).map(({ request }) => request)
  for (const request of updates) {
    const { 'change-meta': _, ...certificates } = request
    expect(wire.updateToWire(wire.updateFromWire(wire.wireUpdate.parse(request)))).toEqual(certificates)
  }
  expect(new Set(updates.flatMap((request) => Object.keys(request)))).toEqual(
    new Set(['root-crt', 'tls-crt', 'ca-crt', 'est-tls-crt', 'ca-revoke-crl', 'change-meta']),
  )
})

test('the members of an order are mapped correctly', () => {
  const order = { 'first-time-init': true, 'ca-csr': true, 'tls-csr': false, 'est-tls-csr': false }
  expect(wire.csrOrderFromWire(order)).toEqual({ firstTimeInit: true, kinds: ['ca'] })
  expect(wire.csrOrderFromWire({ ...order, 'ca-csr': false, 'tls-csr': true })).toMatchObject({ kinds: ['tls'] })
  expect(wire.csrOrderFromWire({ ...order, 'ca-csr': false, 'est-tls-csr': true })).toMatchObject({ kinds: ['estTls'] })
})

test('members that are null, empty or absent are equal', () => {
  const none = { tlsCrt: null, caCrt: null, estTlsCrt: null, caRevokeCrl: null, disabledCaSerials: [] }
  const empty = { 'tls-crt': '', 'ca-crt': null, 'disabled-ca-serials': null, 'change-meta': null }
  const known = wire.certificatesFromWire(wire.wireCertificates.parse({ 'root-crt': PEM, ...empty, 'new-one': 1 }))
  const changeMeta = { createdBy: '', createdAt: '', updatedBy: '', updatedAt: '' }
  expect(known).toEqual({ rootCrt: PEM, ...none, changeMeta })
  expect(wire.certificatesFromWire({ 'root-crt': null })).toBeNull()
  expect(wire.updateFromWire({ 'tls-crt': null, 'ca-crt': '' })).toEqual({ caCrt: '' })
})

test.each([
  [{ 'root-crt': 1 }, 'root-crt'],
  [{ 'root-crt': PEM, 'disabled-ca-serials': ['1', '0x2'] }, 'disabled-ca-serials.1'],
  [{ 'root-crt': PEM, 'change-meta': { 'created-by': {} } }, 'change-meta.created-by'],
  [[], ''],
  ['not initialized', ''],
])('%j is not taken, and the member is named', (answer, member) => {
  const parsed = wire.wireCertificates.safeParse(answer)
  expect(parsed.success ? null : wire.wrongMember(parsed.error)).toBe(member)
})
