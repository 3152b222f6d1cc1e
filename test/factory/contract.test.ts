import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import type { CertificatesUpdate, Csrs, FactoryApi } from '../../src/factory/api.js'
import { fixedCredentials } from '../../src/factory/http/credentials.js'
import * as wire from '../../src/factory/wire.js'
import { parseAndVerifyCsr } from '../../src/pki/csr.js'
import { encodePem, samePem } from '../../src/pki/pem.js'
import { readPemCertificates } from '../../src/pki/read-certificate.js'
import { signCrl } from '../../src/signer/x509/crl.js'
import { factoryServer } from '../support/factory-server.js'
import { type Authority, FACTORY, NOW, newRoot } from '../support/issue.js'
import { serve } from '../support/served.js'
import { localCaOf, newFactory, pemOf, signed } from './support/embedded.js'
import { httpClient, overHttp } from './support/http.js'

/** A Factory API whose factory has no PKI yet, and what its owner sends to it. */
interface Scene {
  readonly api: FactoryApi
  /** The whole PKI, for the first requests. */
  first(csrs: Csrs): Promise<CertificatesUpdate>
  estTls(csr: string): Promise<CertificatesUpdate>
  /** Holds one of the device CAs, the last one that there is. */
  hold(): Promise<CertificatesUpdate>
}

/** Certificates of a root that the test makes. */
async function owned(api: FactoryApi, now = NOW): Promise<Scene> {
  const root = await newRoot()
  return {
    api,
    first: async ({ tls = '', ca = '' }) => ({
      rootCrt: pemOf(root.certificate),
      tlsCrt: await signed(tls, 'tls', root),
      caCrt: `${await signed(ca, 'ca', root)}\n${await localCaOf(api, root)}`,
    }),
    estTls: async (csr) => ({ estTlsCrt: await signed(csr, 'estTls', root) }),
    hold: async () => ({ caRevokeCrl: await crlOf(root, (await api.getCertificates())?.caCrt ?? '', now) }),
  }
}

async function crlOf({ certificate, signer }: Authority, caCrt: string, now: Date): Promise<string> {
  const last = readPemCertificates(caCrt, 'ca-crt').at(-1)
  const serialNumbers = last === undefined ? [] : [last.serialNumber]
  const request = { issuer: certificate, crlNumber: 1n, now, reason: 'certificateHold', serialNumbers } as const
  return encodePem('X509 CRL', (await signCrl(request, signer)).der)
}

interface Exchange {
  readonly method: string
  readonly path: string
  readonly request: Readonly<Record<string, unknown>> | null
  readonly status: number
  readonly response: unknown
}

/** A server that answers as in a conversation of fioctl's, and only what was asked there, in that order. */
async function recorded(): Promise<Scene> {
  const transcript = new URL('../fixtures/fioctl/file/transcript.jsonl', import.meta.url)
  const exchanges: readonly Exchange[] = readFileSync(transcript, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const server = await factoryServer(null)
  const state = { at: 0 }
  const answer = (seen: { readonly method: string; readonly path: string; readonly body: string }) => {
    const isSame = ({ method, path, request }: Exchange, index: number) =>
      index >= state.at &&
      method === seen.method &&
      path === seen.path &&
      essence(request) === essence(parsed(seen.body))
    const found = exchanges.findIndex(isSame)
    if (found === -1) return { status: 500, body: { msg: `not in the record: ${seen.method} ${seen.body}` } }
    state.at = found + 1
    const { status, response } = exchanges[found] as Exchange
    return { status, body: response }
  }
  for (const path of new Set(exchanges.map((exchange) => exchange.path))) server.others.set(path, answer)
  const sent = (name: string) => async () => {
    const request = exchanges.find(
      ({ method, request: body }) => method === 'PATCH' && body !== null && name in body,
    )?.request
    return wire.updateFromWire(wire.wireUpdate.parse(request))
  }
  const api = httpClient(server)
  return { api, first: sent('root-crt'), estTls: sent('est-tls-crt'), hold: sent('ca-revoke-crl') }
}

/** What a request asks for: without fioctl's empty change-meta, whatever the order of its members. */
function essence(request: Readonly<Record<string, unknown>> | null): string {
  const members = Object.entries(request ?? {}).filter(([name]) => name !== 'change-meta')
  return JSON.stringify(members.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function parsed(body: string): Readonly<Record<string, unknown>> | null {
  return body === '' ? null : JSON.parse(body)
}

const SCENES: Readonly<Record<string, () => Promise<Scene>>> = {
  embedded: async () => owned((await newFactory()).api),
  'embedded, over HTTPS': async () => owned((await overHttp()).api),
  'embedded, served by `fpki api serve`': async () => {
    const server = await serve()
    const credentials = fixedCredentials({ name: 'OSF-TOKEN', value: await server.token('--factory', FACTORY) })
    return owned(httpClient({ url: server.url, root: server.trust }, { credentials }), new Date())
  },
  'as in a conversation of fioctl': recorded,
}

describe.each(Object.keys(SCENES))('a Factory API %s', (name) => {
  let scene: Scene
  beforeEach(async () => {
    scene = (await SCENES[name]?.()) as Scene
  })

  test('supports all steps up to a PKI with EST and a disabled CA', async () => {
    const { api, first, estTls, hold } = scene
    expect(await api.getCertificates()).toBeNull()
    const csrs = await api.requestCsrs({ firstTimeInit: true, kinds: ['tls', 'ca'] })
    expect(Object.keys(csrs).sort()).toEqual(['ca', 'tls'])
    for (const csr of Object.values(csrs))
      expect(parseAndVerifyCsr(csr, 'csr').publicKey.spki.length).toBeGreaterThan(0)
    expect((await api.getUser()).polisId).toMatch(/^[0-9a-f]+$/)

    const sent = await first(csrs)
    await api.updateCertificates(sent)
    const known = await api.getCertificates()
    for (const kind of ['rootCrt', 'tlsCrt', 'caCrt'] as const) expect(samePem(known?.[kind], sent[kind])).toBe(true)
    expect(known).toMatchObject({ estTlsCrt: null, caRevokeCrl: null, disabledCaSerials: [] })
    expect(Date.parse(known?.changeMeta.createdAt ?? '')).not.toBeNaN()

    const again = api.requestCsrs({ firstTimeInit: true, kinds: ['tls', 'ca'] })
    await expect(again).rejects.toMatchObject({ status: 409, reason: 'factory PKI is already initialized' })

    const { estTls: csr = '' } = await api.requestCsrs({ firstTimeInit: false, kinds: ['estTls'] })
    const est = await estTls(csr)
    await api.updateCertificates(est)
    const withEst = await api.getCertificates()
    expect(samePem(withEst?.estTlsCrt, est.estTlsCrt)).toBe(true)
    expect(samePem(withEst?.rootCrt, sent.rootCrt)).toBe(true)

    await api.updateCertificates(await hold())
    const { disabledCaSerials, caCrt } = (await api.getCertificates()) ?? { disabledCaSerials: [], caCrt: '' }
    expect(disabledCaSerials.length).toBe(1)
    const serials = readPemCertificates(caCrt ?? '', 'ca-crt').map(({ serialNumber }) => serialNumber.toString())
    expect(serials).toContain(disabledCaSerials[0])
  })
})
