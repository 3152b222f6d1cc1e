import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import {
  createStationResult,
  listStationsResult,
  revokeStationResult,
} from '../../../src/operations/devices/lines/line-stations.js'
import { output } from '../../support/cli.js'
import { withRegister } from '../../support/device-register.js'
import { copiedPki, type Made } from '../made.js'
import { expectRefusal } from '../refusal.js'

/** A PKI with a line, and a folder for the files of stations. */
async function scene() {
  const pki = await copiedPki()
  await pki.home.fpki(['lines', 'create', pki.directory, 'site-a'])
  const out = join(pki.home.path, 'stations')
  await mkdir(out)
  const lines = (command: string, ...words: readonly string[]) =>
    pki.home.fpki(['lines', command, pki.directory, ...words])
  const station = (...words: readonly string[]) => lines('station', 'site-a', 'tester-1', ...words)
  return { ...pki, out, lines, station, file: (name: string) => join(out, name) }
}

const stationsOf = ({ directory }: Made) => withRegister(directory, ({ credentials }) => credentials.stations(null))

/** The fingerprint of a certificate, as OpenSSL has it. */
async function fingerprintOf(file: string): Promise<string> {
  const text = await output('openssl', ['x509', '-in', file, '-noout', '-fingerprint', '-sha256'])
  return text.trim().replace(/^.*=/, '').replaceAll(':', '').toLowerCase()
}

describe('lines station', () => {
  test('makes a key and a client certificate for two years, and the register has its fingerprint', async () => {
    const pki = await scene()
    const ended = await pki.station('--out', pki.out)
    expect(ended).toMatchObject({ status: 0, stdout: '' })
    const files = `The certificate is in ${pki.file('tester-1.pem')}, the key in ${pki.file('tester-1.key')}.`
    expect(ended.stderr).toContain(`\nnote: ${files}\n`)
    expect((await readdir(pki.out)).sort()).toEqual(['tester-1.key', 'tester-1.pem'])
    expect((await stat(pki.file('tester-1.key'))).mode & 0o777).toBe(0o600)
    const text = await output('openssl', ['x509', '-in', pki.file('tester-1.pem'), '-noout', '-text'])
    expect(text).toContain('Subject: CN = tester-1, OU = acme')
    expect(text).toContain('TLS Web Client Authentication')
    expect(text).toContain('NIST CURVE: P-256')
    expect(text).not.toContain('CA:TRUE')
    expect(
      await output('openssl', ['verify', '-CAfile', pki.file('tester-1.pem'), pki.file('tester-1.pem')]),
    ).toContain(': OK')
    const fingerprint = await fingerprintOf(pki.file('tester-1.pem'))
    const [station] = await stationsOf(pki)
    expect(station).toMatchObject({ line: 'site-a', name: 'tester-1', fingerprint, revokedAt: null })
    const { validTo } = new X509Certificate(await readFile(pki.file('tester-1.pem')))
    expect(station?.notAfter).toBe(Date.parse(validTo))
    expect((Date.parse(validTo) - Date.now()) / 86_400_000).toBeCloseTo(730, -1)
    const log = (await pki.home.fpki(['ca', 'log', pki.directory])).stdout
    expect(log).toContain(`Creates the station tester-1 of the line site-a: certificate ${fingerprint}`)
  })

  test('proves its key in TLS, so that a server can know it by its fingerprint', async () => {
    const pki = await scene()
    await pki.station('--out', pki.out)
    const [cert, key] = [await readFile(pki.file('tester-1.pem')), await readFile(pki.file('tester-1.key'))]
    // The server has any certificate: here, the one of the station.
    const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const seen = once(server, 'secureConnection')
    const client = connect({ port: address.port, host: '127.0.0.1', cert, key, rejectUnauthorized: false })
    const [socket]: TLSSocket[] = await seen
    const raw = socket?.getPeerCertificate().raw ?? Buffer.alloc(0)
    expect(createHash('sha256').update(raw).digest('hex')).toBe((await stationsOf(pki))[0]?.fingerprint)
    client.destroy()
    socket?.destroy()
    server.close()
  })

  test('has as many days as it is told', async () => {
    const pki = await scene()
    const { stdout } = await pki.station('--out', pki.out, '--days', '30', '--json')
    const { station, certificateFile, keyFile } = createStationResult.parse(JSON.parse(stdout))
    expect((Date.parse(station.expiresAt) - Date.now()) / 86_400_000).toBeCloseTo(30, 0)
    expect([certificateFile, keyFile]).toEqual([pki.file('tester-1.pem'), pki.file('tester-1.key')])
  })

  test.each([
    ['the key is written', ['tester-1.key']],
    ['both files are written', ['tester-1.key', 'tester-1.pem']],
  ])('is finished by the same command when it was interrupted after %s', async (_, kept) => {
    const pki = await scene()
    const elsewhere = await scene()
    await elsewhere.station('--out', elsewhere.out)
    for (const name of kept) await writeFile(pki.file(name), await readFile(elsewhere.file(name)), { mode: 0o600 })
    expect((await pki.station('--out', pki.out)).status).toBe(0)
    for (const name of kept) expect(await readFile(pki.file(name))).toEqual(await readFile(elsewhere.file(name)))
    expect((await stationsOf(pki))[0]?.fingerprint).toBe(await fingerprintOf(pki.file('tester-1.pem')))
    const ofKey = await output('openssl', ['pkey', '-in', pki.file('tester-1.key'), '-pubout'])
    expect(await output('openssl', ['x509', '-in', pki.file('tester-1.pem'), '-noout', '-pubkey'])).toBe(ofKey)
  })

  test('overwrites nothing: a certificate of another key, or without its key', async () => {
    const pki = await scene()
    await pki.station('--out', pki.out)
    await pki.lines('station', 'site-a', 'tester-2', '--out', pki.out)
    await pki.lines('revoke-station', 'site-a', 'tester-1')
    const words = ['lines', 'station', pki.directory, 'site-a', 'tester-1', '--out', pki.out]
    await writeFile(pki.file('tester-1.pem'), await readFile(pki.file('tester-2.pem')))
    await expectRefusal(pki.home, words, { status: 3, code: 'ERR_EXISTS', names: ['tester-1.pem'] })
    await rm(pki.file('tester-1.key'))
    await expectRefusal(pki.home, words, { status: 3, code: 'ERR_EXISTS', names: ['tester-1.pem'] })
  })

  test('does not take a CA for the certificate of a station', async () => {
    const pki = await scene()
    for (const name of ['local-ca.pem', 'local-ca.key'])
      await writeFile(pki.file(name), await pki.text(name), { mode: 0o600 })
    const words = ['lines', 'station', pki.directory, 'site-a', 'local-ca', '--out', pki.out]
    await expectRefusal(pki.home, words, { status: 3, code: 'ERR_EXISTS', names: ['local-ca.pem'] })
  })

  test('writes nothing into the PKI directory, or into a folder that does not exist', async () => {
    const pki = await scene()
    const words = ['lines', 'station', pki.directory, 'site-a', 'tester-1', '--out']
    await expectRefusal(pki.home, [...words, pki.directory], { status: 2, code: 'ERR_USAGE', names: ['--out'] })
    const missing = join(pki.home.path, 'missing')
    await expectRefusal(pki.home, [...words, missing], { status: 6, code: 'ERR_BAD_FILE', names: ['mkdir', missing] })
  })

  test('may bring a certificate of its own', async () => {
    const pki = await scene()
    const file = join(pki.home.path, 'own.pem')
    const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null']
    await output('openssl', ['req', '-x509', ...request, '-subj', '/CN=tpm', '-days', '30', '-out', file])
    const { stdout } = await pki.station('--cert', file, '--json')
    const { station, certificateFile, keyFile } = createStationResult.parse(JSON.parse(stdout))
    expect(station.fingerprint).toBe(await fingerprintOf(file))
    expect([certificateFile, keyFile]).toEqual([null, null])
    const other = await pki.lines('station', 'site-a', 'tester-2', '--cert', file)
    expect(other.stderr).toContain('The certificate is that of the station tester-1 of the line site-a.')
  })

  test.each([
    ['expired', ['-days', '-1'], 'basicConstraints=CA:FALSE', 'is not valid now'],
    ['for servers only', ['-days', '30'], 'extendedKeyUsage=serverAuth', 'lacks clientAuth'],
  ])('refuses a certificate that is %s', async (_, flags, extensions, reason) => {
    const pki = await scene()
    const at = (name: string) => join(pki.home.path, name)
    await writeFile(at('extensions'), extensions)
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    await output('openssl', ['req', '-new', ...curve, '-keyout', at('k.pem'), '-subj', '/CN=tpm', '-out', at('r.csr')])
    const sign = ['-signkey', at('k.pem'), '-extfile', at('extensions'), ...flags]
    await output('openssl', ['x509', '-req', '-in', at('r.csr'), ...sign, '-out', at('own.pem')])
    const words = ['lines', 'station', pki.directory, 'site-a', 'tester-1', '--cert', at('own.pem')]
    await expectRefusal(pki.home, words, { status: 6, code: 'ERR_BAD_CERTIFICATE', names: [reason, '--cert'] })
    expect(await stationsOf(pki)).toEqual([])
  })

  test.each([
    [[], 'either a folder'],
    [['--out', '.', '--cert', 'a.pem'], 'either a folder'],
    [['--cert', 'a.pem', '--days', '3'], 'its own validity'],
  ])('with %j is refused', async (flags, message) => {
    const pki = await scene()
    const words = ['lines', 'station', pki.directory, 'site-a', 'tester-1', ...flags]
    await expectRefusal(pki.home, words, { status: 2, code: 'ERR_USAGE', names: [message] })
  })

  test('is refused for the line default, and for a name that is no name', async () => {
    const pki = await scene()
    const station = (line: string, name: string) => ['lines', 'station', pki.directory, line, name, '--out', pki.out]
    await expectRefusal(pki.home, station('default', 'a'), {
      status: 3,
      code: 'ERR_LINE',
      names: ['fpki lines create'],
    })
    await expectRefusal(pki.home, station('site-a', '../a'), { status: 2, code: 'ERR_USAGE', names: ['a station'] })
    expect(await readdir(pki.out)).toEqual([])
  })
})

test('stations are listed and revoked, and their names are free again', async () => {
  const pki = await scene()
  await pki.station('--out', pki.out)
  const again = await pki.station('--out', pki.out, '--json')
  expect(createStationResult.parse(JSON.parse(again.stdout))).toMatchObject({ changed: false })
  const other = join(pki.home.path, 'other')
  await mkdir(other)
  const elsewhere = ['lines', 'station', pki.directory, 'site-a', 'tester-1', '--out', other]
  await expectRefusal(pki.home, elsewhere, { status: 3, code: 'ERR_EXISTS', names: ['fpki lines revoke-station'] })
  const list = async (...words: readonly string[]) =>
    listStationsResult.parse(JSON.parse((await pki.lines('stations', ...words, '--json')).stdout)).stations
  const [station] = await list()
  expect(await list('site-a')).toEqual([station])
  expect((await pki.lines('stations')).stdout).toContain(
    `tester-1  site-a  certificate ${station?.fingerprint}, expires`,
  )
  expect((await pki.lines('show', 'site-a')).stdout).toMatch(/^Valid stations +1$/m)
  const revoke = async () =>
    revokeStationResult.parse(JSON.parse((await pki.lines('revoke-station', 'site-a', 'tester-1', '--json')).stdout))
  const first = await revoke()
  expect(first).toMatchObject({ changed: true, revoked: { name: 'tester-1', valid: false } })
  expect(await revoke()).toEqual({ ...first, changed: false })
  expect((await pki.lines('show', 'site-a')).stdout).toMatch(/^Valid stations +0$/m)
  const unknown = ['lines', 'revoke-station', pki.directory, 'site-a', 'nobody']
  await expectRefusal(pki.home, unknown, { status: 2, code: 'ERR_USAGE', names: ['nobody', 'fpki lines stations'] })
  // The certificate that was revoked is not taken again.
  expect((await pki.station('--out', pki.out)).stderr).toContain('which was revoked')
  await rm(pki.file('tester-1.pem'))
  expect((await pki.station('--out', pki.out)).status).toBe(0)
  expect((await list()).map(({ valid }) => valid)).toEqual([false, true])
})
