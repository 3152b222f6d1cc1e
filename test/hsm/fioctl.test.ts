import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { type KeyAccess, rootSignerOf } from '../../src/keystore/root-key.js'
import { thisMachine } from '../../src/machine/index.js'
import { encodePem } from '../../src/pki/pem.js'
import { DEVICE_CA } from '../../src/pki/profiles.js'
import { readPemCertificate } from '../../src/pki/read-certificate.js'
import { statement } from '../../src/pki/statement.js'
import type { HsmChoice } from '../../src/ports.js'
import { signCertificate } from '../../src/signer/x509/certificate.js'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'
import { certificateTemplate, newSigner } from '../support/issue.js'
import { choiceOf, fioctlFixture, fioctlToken, LOGIN } from '../support/token.js'

/** How a command gets to fioctl's token: by flags, and with its PIN. */
async function access(): Promise<KeyAccess & { readonly hsm: HsmChoice }> {
  const hsm = choiceOf(await fioctlToken())
  const login = { ...LOGIN, pin: async () => '1234' }
  return { hsm, root: { kind: 'token', hsm }, login, note: () => undefined, warn: () => undefined }
}

/** A copy of the PKI directory that fioctl has made. */
async function fioctlDirectory(): Promise<string> {
  const path = join(await temporaryDirectory(), 'pki')
  await cp(fioctlFixture('pki'), path, { recursive: true })
  await runProgram('chmod', ['0700', path])
  return path
}

test('a token and a PKI directory of fioctl sign a device CA that OpenSSL verifies', async () => {
  const path = await fioctlDirectory()
  const { files } = thisMachine()
  const root = readPemCertificate(await readFile(join(path, 'factory_ca.pem'), 'utf8'), 'factory_ca.pem')
  const signer = rootSignerOf(pkiDirectory(files, path), await access())
  try {
    const request = certificateTemplate('site-c', DEVICE_CA, newSigner().spki, root, { now: new Date() })
    const { der } = await signCertificate(request, await signer.open())
    const made = join(path, 'site-c.pem')
    await files.create(made, encodePem('CERTIFICATE', der), 0o400)
    const verified = await output('openssl', ['verify', '-x509_strict', '-CAfile', join(path, 'factory_ca.pem'), made])
    expect(verified).toContain('OK')
  } finally {
    await signer.close()
  }
})

test('a key that does not match the certificate is refused', async () => {
  const path = await fioctlDirectory()
  const { files } = thisMachine()
  await output('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', join(path, 'other.key')])
  await output('chmod', ['0600', join(path, 'factory_ca.pem')])
  const subject = ['-subj', '/CN=Factory-CA/OU=acme', '-days', '10']
  await output('openssl', [
    'req',
    '-x509',
    '-new',
    '-key',
    join(path, 'other.key'),
    ...subject,
    '-out',
    join(path, 'factory_ca.pem'),
  ])
  const signer = rootSignerOf(pkiDirectory(files, path), await access())
  await expect(signer.open()).rejects.toMatchObject({ code: 'ERR_HSM_KEY' })
  await signer.close()
})

test('the records of the directory and the PIN suffice', async () => {
  const path = await fioctlDirectory()
  const directory = pkiDirectory(thisMachine().files, path)
  const { hsm, ...rest } = await access()
  await directory.make()
  const rootKey = {
    kind: 'pkcs11',
    module: hsm.module,
    tokenLabel: 'acme-root',
    keyLabel: 'root-ca',
    keyId: '01',
  } as const
  const tokenSerial = 'fb6c1666d4c5'
  await directory.writeState({ version: 1, factory: 'acme', api: 'x', rootKey: { ...rootKey, tokenSerial } })
  const other = rootSignerOf(directory, { ...rest, root: { kind: 'recorded', module: null } })
  await expect(other.open()).rejects.toMatchObject({
    code: 'ERR_HSM_TOKEN',
    message: expect.stringContaining('"acme-root" (SoftHSM v2, serial '),
  })
  const remembered = { ...rootKey, tokenSerial: await serialOfToken() }
  await directory.writeState({ version: 1, factory: 'acme', api: 'x', rootKey: remembered })
  const signer = rootSignerOf(directory, { ...rest, root: { kind: 'recorded', module: null } })
  expect((await (await signer.open()).sign(statement('a message'))).length).toBeGreaterThan(60)
  await signer.close()
})

test('without a PIN, the message says how to pass it', async () => {
  const path = await fioctlDirectory()
  const directory = pkiDirectory(thisMachine().files, path)
  const { hsm } = await access()
  await directory.make()
  const rootKey = {
    kind: 'pkcs11',
    module: hsm.module,
    tokenLabel: 'acme-root',
    keyLabel: 'root-ca',
  } as const
  const reference = { ...rootKey, tokenSerial: await serialOfToken(), keyId: '01' }
  await directory.writeState({ version: 1, factory: 'acme', api: 'x', rootKey: reference })
  await expect(rootSignerOf(directory).open()).rejects.toMatchObject({ code: 'ERR_HSM_PIN' })
})

/** The serial number that SoftHSM gave the token of the fixture: the end of its folder's name. */
async function serialOfToken(): Promise<string> {
  const [folder = ''] = (await output('ls', [fioctlFixture('token')])).split('\n')
  return folder.replaceAll('-', '').slice(-16)
}
