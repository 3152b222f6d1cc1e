import { describe, expect, test } from 'vitest'
import { type Ended, temporaryDirectory } from '../support/cli.js'
import {
  concatenated,
  DEVICE,
  deviceCa,
  type KeyAndCertificate,
  newDevice,
  newForeignCa,
  newPki,
  type Pki,
} from './support/pki.js'
import { ANSWER, connect, type Server, startServer, VERSIONS } from './support/tls.js'

/** The gateway of `pki`: tls-crt, and clients of its device CAs only. */
async function gatewayOf(pki: Pki): Promise<Server> {
  const files = ['online-crt', 'local-ca.pem', 'factory_ca.pem'].map((name) => pki.path(name))
  const trusted = await concatenated(await temporaryDirectory(), 'device-cas.pem', ...files)
  return startServer({ key: pki.serverKey('tls-1.key'), certificate: pki.path('tls-crt') }, trusted)
}

async function deviceOf(ca: KeyAndCertificate): Promise<KeyAndCertificate> {
  return newDevice(ca, await temporaryDirectory())
}

/** Lines of the output of a program. */
function lines({ stdout, stderr }: Ended): readonly string[] {
  return `${stdout}\n${stderr}`.split('\n')
}

/** The server rejected the client in the handshake. In TLS 1.3 the client notices only after its own part. */
function expectRefused(client: Ended, server: Ended, version: string): void {
  expect(lines(server)).toContain('CONNECTION FAILURE')
  expect(lines(server)).toContain('   0 server accepts that finished')
  expect(lines(server)).not.toContain('CONNECTION ESTABLISHED')
  expect(client.stdout).not.toContain(ANSWER)
  if (version === '-tls1_2') expect(client.status).not.toBe(0)
}

describe.each(VERSIONS)('a device and the gateway over mutual TLS (%s)', (version) => {
  test.each(['local-ca', 'online-ca'] as const)('connect when %s issued the client certificate', async (ca) => {
    const pki = await newPki()
    const device = await deviceOf(deviceCa(pki, ca))
    const gateway = await gatewayOf(pki)
    const client = await connect(gateway, version, pki.path('factory_ca.pem'), device)
    const server = await gateway.ended

    expect(client.stdout).toContain(ANSWER)
    expect(client.status).toBe(0)
    expect(lines(client)).toContain('Verification: OK')
    expect(lines(client)).toContain('Verified peername: gateway.acme.example')
    expect(client.stdout).toContain(`, Cipher is ${version === '-tls1_3' ? 'TLS_' : 'ECDHE-ECDSA-'}`)

    expect(lines(server)).toContain('CONNECTION ESTABLISHED')
    expect(lines(server)).toContain('Verification: OK')
    expect(server.stderr).toMatch(new RegExp(`^Peer certificate: CN = ${DEVICE}, OU = acme, `, 'm'))
    expect(server.stderr).toContain('depth=2 CN = Factory-CA, OU = acme\nverify return:1\n')
  })

  test("do not connect when another factory's local-ca issued the client certificate", async () => {
    const [pki, other] = [await newPki(), await newPki()]
    const device = await deviceOf(deviceCa(other, 'local-ca'))
    const gateway = await gatewayOf(pki)
    const client = await connect(gateway, version, pki.path('factory_ca.pem'), device)
    const server = await gateway.ended
    expectRefused(client, server, version)
    expect(server.stderr).toContain('verify error:num=20:unable to get local issuer certificate')
  })

  test('do not connect when an unknown CA issued the client certificate', async () => {
    const pki = await newPki()
    const device = await deviceOf(await newForeignCa(await temporaryDirectory()))
    const gateway = await gatewayOf(pki)
    const client = await connect(gateway, version, pki.path('factory_ca.pem'), device)
    expectRefused(client, await gateway.ended, version)
  })

  test('do not connect when the device has no client certificate', async () => {
    const pki = await newPki()
    const gateway = await gatewayOf(pki)
    const client = await connect(gateway, version, pki.path('factory_ca.pem'), null)
    const server = await gateway.ended
    expectRefused(client, server, version)
    expect(server.stderr).toContain('peer did not return a certificate')
  })

  test('do not connect when the device presents the server certificate of the gateway', async () => {
    const pki = await newPki()
    const gateway = await gatewayOf(pki)
    const own = { key: pki.serverKey('tls-1.key'), certificate: pki.path('tls-crt') }
    const client = await connect(gateway, version, pki.path('factory_ca.pem'), own)
    const server = await gateway.ended
    expectRefused(client, server, version)
    expect(server.stderr).toContain('unsuitable certificate purpose')
  })

  test('do not connect when the gateway is of another factory: the device rejects it', async () => {
    const [pki, other] = [await newPki(), await newPki()]
    const device = await deviceOf(deviceCa(pki, 'local-ca'))
    const gateway = await gatewayOf(other)
    const client = await connect(gateway, version, pki.path('factory_ca.pem'), device)
    const server = await gateway.ended
    expect(client.status).not.toBe(0)
    expect(client.stderr).toContain('certificate verify failed')
    expect(client.stdout).not.toContain(ANSWER)
    expect(lines(server)).not.toContain('CONNECTION ESTABLISHED')
  })

  test('do not connect when the gateway has another name than the device expects', async () => {
    const pki = await newPki()
    const device = await deviceOf(deviceCa(pki, 'local-ca'))
    const gateway = await gatewayOf(pki)
    const client = await connect(gateway, version, pki.path('factory_ca.pem'), device, 'other.acme.example')
    const server = await gateway.ended
    expect(client.status).not.toBe(0)
    expect(client.stderr).toContain('verify error:num=62:hostname mismatch')
    expect(client.stdout).not.toContain(ANSWER)
    expect(lines(server)).not.toContain('CONNECTION ESTABLISHED')
  })
})
