import { X509Certificate } from 'node:crypto'
import { chmod, copyFile, mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { crossSignResult, showAuditLogResult, verifyPkiResult } from '../../src/index.js'
import { type Home, homeAt, newHome, output, runProgram } from '../support/cli.js'
import { copiedPki, editJson } from './made.js'
import { type Pki, pairOfRoots } from './root-pair.js'

/** Which of the files openssl verifies with a trust anchor and intermediates. */
async function verified(files: readonly string[], root: string, untrusted: readonly string[]) {
  const words = untrusted.flatMap((path) => ['-untrusted', path])
  const { stdout } = await runProgram('openssl', ['verify', '-x509_strict', '-CAfile', root, ...words, ...files])
  return files.filter((file) => stdout.includes(`${file}: OK\n`))
}

describe.each([
  ['of the same name', 'acme'],
  ['of another factory', 'beta'],
])('roots %s', (_, factory) => {
  let home: Home
  let older: Pki
  let newer: Pki

  beforeAll(async () => {
    home = homeAt(await mkdtemp(join(inject('originals'), 'roots-')))
    ;({ older, newer } = await pairOfRoots(home, factory))
  })

  test('sign nothing again, and each audit log has what its root signed', async () => {
    const before = await readFile(older.cross)
    const again = await crossSigned(home, newer, older)
    expect(again.certificates.map(({ existed, directory }) => [existed, directory])).toEqual([
      [true, newer.directory],
      [true, older.directory],
    ])
    expect(await readFile(older.cross)).toEqual(before)
    for (const { directory, cross } of [older, newer]) {
      const { stdout } = await home.fpki(['ca', 'log', directory, '--json'])
      const { lines } = showAuditLogResult.parse(JSON.parse(stdout))
      const signed = lines.filter(({ command }) => command === 'ca cross-sign')
      const serial = BigInt(`0x${new X509Certificate(await readFile(cross)).serialNumber}`).toString()
      expect(signed.map(({ certificates }) => certificates[0]?.serial)).toEqual([serial])
      const verified = await home.fpki(['ca', 'verify', directory, '--offline', '--json'])
      const { findings } = verifyPkiResult.parse(JSON.parse(verified.stdout))
      const wrong = findings.filter(({ status }) => status === 'warning' || status === 'failure')
      expect(wrong.map(({ code }) => code)).toEqual(['backup.none'])
      expect(await home.fpki(['lint', directory, '--strict', '--quiet'])).toMatchObject({ status: 0 })
    }
  })

  test('each root accepts the devices and servers of the other with the cross-certificate, and not without', async () => {
    for (const [trusted, foreign] of [
      [older, newer],
      [newer, older],
    ] as const) {
      const files = [foreign.device, foreign.path('tls-crt')]
      const [root, ca] = [trusted.path('factory_ca.pem'), foreign.path('local-ca.pem')]
      expect(await verified(files, root, [ca, trusted.cross])).toEqual(files)
      expect(await verified(files, root, [ca])).toEqual([])
      // The other direction does not help: its issuer is the root that is not trusted.
      expect(await verified(files, root, [ca, foreign.cross])).toEqual([])
      expect(await verified(files, foreign.path('factory_ca.pem'), [ca])).toEqual(files)
    }
  })

  test.each([
    ['old', 'old'],
    ['old', 'new'],
    ['new', 'old'],
    ['new', 'new'],
  ] as const)('a handshake of a device of the %s root with a gateway of the %s one', async (deviceOf, gatewayOf) => {
    const [device, gateway] = [deviceOf, gatewayOf].map((which) => (which === 'old' ? older : newer))
    if (device === undefined || gateway === undefined) throw new Error('no pair')
    expect(await handshake(device, gateway, { client: true, server: true })).toBe('TLSv1.3')
    if (device === gateway) return
    // Without the certificate that the gateway needs, and without the one that the device needs.
    expect(await handshake(device, gateway, { client: false, server: true })).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')
    expect(await handshake(device, gateway, { client: true, server: false })).toMatch(
      /^(unable to (get local issuer|verify the first) certificate|self-signed certificate in certificate chain)$/,
    )
  })

  test('the certificates have the profile of docs/profile.md#cross-certificates', async () => {
    const text = await output('openssl', ['x509', '-noout', '-text', '-in', older.cross])
    expect(text).toMatch(/X509v3 Key Usage: critical\n +Certificate Sign, CRL Sign\n/)
    expect(text).toMatch(
      /X509v3 Extended Key Usage: \n +TLS Web Server Authentication, TLS Web Client Authentication\n/,
    )
    expect(text).toMatch(/X509v3 Basic Constraints: critical\n +CA:TRUE, pathlen:1\n/)
    const [cross, certified, signer] = await Promise.all(
      [older.cross, newer.path('factory_ca.pem'), older.path('factory_ca.pem')].map(
        async (path) => new X509Certificate(await readFile(path)),
      ),
    )
    expect(cross?.subject).toBe(certified?.subject)
    expect(cross?.publicKey.equals(certified?.publicKey ?? cross.publicKey)).toBe(true)
    expect(cross?.serialNumber).not.toBe(certified?.serialNumber)
    expect(identifiersIn(text)).toEqual({
      subject: identifiersIn(await textOf(newer.path('factory_ca.pem'))).subject,
      authority: identifiersIn(await textOf(older.path('factory_ca.pem'))).subject,
    })
    const ends = [certified, signer].map((root) => Date.parse(root?.validTo ?? ''))
    expect(Date.parse(cross?.validTo ?? '')).toBe(Math.min(...ends))
  })
})

async function textOf(path: string): Promise<string> {
  return output('openssl', ['x509', '-noout', '-text', '-in', path])
}

function identifiersIn(text: string) {
  const [, subject] = /Subject Key Identifier: \n +(\S+)/.exec(text) ?? []
  const [, authority] = /Authority Key Identifier: \n +(\S+)/.exec(text) ?? []
  return { subject, authority }
}

/** A handshake in which both sides verify. Resolves to its protocol, or to why one side refused. */
async function handshake(device: Pki, gateway: Pki, crossing: { client: boolean; server: boolean }): Promise<string> {
  const text = (path: string) => readFile(path, 'utf8')
  const isForeign = device !== gateway
  const server = createServer({
    key: await text(gateway.tlsKey),
    // The device trusts its own root: the gateway sends the cross-certificate that this root has signed.
    cert: [await text(gateway.path('tls-crt')), isForeign && crossing.server ? await text(device.cross) : ''].join(
      '\n',
    ),
    ca: [
      await text(gateway.path('factory_ca.pem')),
      ...(isForeign && crossing.client ? [await text(gateway.cross)] : []),
    ],
    requestCert: true,
    // The reason is that of OpenSSL; the gateway refuses with it.
    rejectUnauthorized: false,
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const socket = connect({
    port: typeof address === 'object' && address !== null ? address.port : 0,
    host: '127.0.0.1',
    servername: `${gateway.factory}.localhost`,
    key: await text(device.deviceKey),
    cert: [await text(device.device), await text(device.path('local-ca.pem'))].join('\n'),
    ca: [await text(device.path('factory_ca.pem'))],
  })
  try {
    return await new Promise<string>((resolve) => {
      server.once('secureConnection', ({ authorized, authorizationError }) =>
        resolve(authorized ? (socket.getProtocol() ?? '') : String(authorizationError)),
      )
      server.on('tlsClientError', () => undefined)
      socket.once('error', ({ message }) => resolve(message))
    })
  } finally {
    socket.destroy()
    server.close()
  }
}

test('a renewed root keeps its cross-certificates', async () => {
  const home = await newHome()
  const { older, newer } = await pairOfRoots(home, 'acme')
  await home.fpki(['ca', 'renew-root', newer.directory, '--yes', '--quiet'])
  const again = await crossSigned(home, older, newer)
  expect(again.certificates.map(({ existed }) => existed)).toEqual([true, true])
  // What the renewed root issues is accepted with the cross-certificate for the earlier one, which has its key.
  const files = [newer.path('tls-crt')]
  expect(await verified(files, older.path('factory_ca.pem'), [older.cross])).toEqual(files)
})

test('refuses a directory as the other root of itself, and signs nothing', async () => {
  const { home, directory } = await copiedPki()
  const ended = await home.fpki(['ca', 'cross-sign', directory, '--with', directory])
  expect(ended).toMatchObject({ status: 2, stdout: '' })
  expect(ended.stderr).toContain('have the same root key')
})

test('says what is signed when the token of the other root cannot be used, and completes the rest later', async () => {
  const home = await newHome()
  const [one, other] = [join(home.path, 'acme'), join(home.path, 'beta')]
  for (const directory of [one, other]) await home.fpki(['ca', 'create', directory, '--quiet'])
  // A key in a file is tried before anything is signed.
  const state = join(other, '.fpki/state.json')
  await copyFile(state, join(home.path, 'state.json'))
  await chmod(state, 0o600)
  const place = { kind: 'pkcs11', module: '/missing.so', tokenLabel: 'safe', tokenSerial: '0a1b' }
  await editJson(state, (content) => ({ ...content, rootKey: { ...place, keyLabel: 'root-ca', keyId: '01' } }))
  const words = ['ca', 'cross-sign', one, '--with', other]
  const ended = await home.fpki([...words, '--quiet'])
  expect(ended).toMatchObject({ status: 5, stdout: '' })
  expect(ended.stderr).toContain('/missing.so')
  expect(ended.stderr).toMatch(
    / factory_ca\.cross-[0-9a-f]{8}\.pem in \S+\/acme is signed; run the same command again for the other one\.\n$/,
  )
  await copyFile(join(home.path, 'state.json'), state)
  const { certificates } = crossSignResult.parse(JSON.parse((await home.fpki([...words, '--json'])).stdout))
  expect(certificates.map(({ existed }) => existed)).toEqual([true, false])
})

async function crossSigned(home: Home, one: Pki, other: Pki) {
  const { status, stdout, stderr } = await home.fpki([
    ...['ca', 'cross-sign', one.directory, '--with', other.directory, '--json'],
  ])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return crossSignResult.parse(JSON.parse(stdout))
}
