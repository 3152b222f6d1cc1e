import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output, temporaryDirectory } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { lmpDeviceRegister } from '../../support/register-client.js'
import { clientOf, lineWithToken, serveDevices } from '../../support/served-devices.js'
import { pkiWithSite } from '../../support/site.js'
import { madePki } from '../made.js'

const WORDS = ['--register', '127.0.0.1:0', '--no-tls', '--gateway', 'https://gw.acme.example:8443']

/** Serves a directory, and registers a device whose certificate OpenSSL must accept. */
async function registersDevice(
  directory: string,
  { home, ca, token, words = [] }: { home: string; ca: string; token: string; words?: readonly string[] },
): Promise<string> {
  const served = await serveDevices(['serve', directory, ...WORDS, ...words], { HOME: home })
  const { uuid, pem } = deviceCsr()
  const folder = await temporaryDirectory()
  const answer = await lmpDeviceRegister(await clientOf(served, { token }), { uuid, csr: pem }, folder)
  expect({ status: answer.status, text: answer.status === 201 ? '' : answer.text }).toEqual({ status: 201, text: '' })
  const leaf = join(folder, 'client.pem')
  const trust = ['-CAfile', join(directory, 'factory_ca.pem'), '-untrusted', join(directory, ca)]
  const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', ...trust, leaf]
  expect(await output('openssl', verify)).toBe(`${leaf}: OK\n`)
  expect(await served.stop()).toEqual({ status: 0, signal: null })
  return `${served.log()}${served.said()}`
}

test('the key of the CA may be encrypted: --passphrase-file is read at the start, and nobody sees it', async () => {
  const secret = 'zebra-quokka-9'
  const passphrase = join(await temporaryDirectory(), 'passphrase')
  await writeFile(passphrase, `${secret}\n`, { mode: 0o600 })
  const words = ['--passphrase-file', passphrase]
  const { directory, home } = await madePki(['--encrypt-keys', ...words])
  const token = await lineWithToken(directory)
  const said = await registersDevice(directory, { home: home.path, ca: 'local-ca.pem', token, words })
  expect(said).not.toContain(secret)
})

test('a kit registers devices of its lines, without the PKI directory', async () => {
  const { directory, home } = await pkiWithSite()
  const kit = join(home.path, 'kit')
  const run = async (...words: readonly string[]) => {
    const { status, stdout, stderr } = await home.fpki(words)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    return stdout.trim()
  }
  await run('lines', 'create', directory, 'site-b', '--ca', 'site-b', '--quota', '10')
  await run('ca', 'export-kit', directory, kit, '--ca', 'site-b')
  const token = await run('lines', 'token', kit, 'site-b')
  await rename(directory, join(home.path, 'elsewhere'))
  await registersDevice(kit, { home: home.path, ca: 'site-b.pem', token })
  const { stdout } = await home.fpki(['devices', 'count', kit, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ devices: 1 })
})
