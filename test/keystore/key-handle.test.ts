import { createPublicKey, sign, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { openKeyHandle } from '../../src/keystore/key-files.js'
import { thisMachine } from '../../src/machine/index.js'
import { pemSigner } from '../../src/signer/file.js'
import { newSigner } from '../support/issue.js'

const { random } = thisMachine()

test('the key of a device CA is opened as a handle, if it is the key of the certificate', async () => {
  const pem = random.ecPrivateKey('P-384').pem
  const files = new Map([['local-ca.key', pem]])
  const folder = { path: '/pki', read: async (name: string) => files.get(name) ?? null }
  const { spki } = await pemSigner(pem, 'the key')
  const key = await openKeyHandle(folder, 'local-ca.key', spki)
  const message = Buffer.from('message')
  const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  expect(verify('sha384', message, publicKey, sign('sha384', message, key))).toBe(true)
  const bad = { code: 'ERR_BAD_KEY' }
  await expect(openKeyHandle(folder, 'local-ca.key', newSigner('P-384').spki)).rejects.toMatchObject(bad)
  await expect(openKeyHandle(folder, 'site-b.key', spki)).rejects.toMatchObject(bad)
})
