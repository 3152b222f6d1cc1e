import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../../support/cli.js'
import { selfSigned } from '../../support/company.js'
import { homeWith, PIN, pkcs11Tool, softHsm } from '../../support/token.js'

/** A token with the key of a root, put there as `words` of pkcs11-tool say, and a second pair beside it. */
async function scene(words: readonly string[]) {
  const token = await softHsm()
  const home = await homeWith(token)
  const { folder, key, certificate } = await selfSigned()
  const der = join(folder, 'root.der')
  await output('openssl', ['ec', '-in', key, '-outform', 'der', '-out', der])
  await pkcs11Tool(token, ['--write-object', der, '--type', 'privkey', '--usage-sign', ...words])
  const directory = join(home.path, 'acme')
  const create = (uri: string) => [
    ...['ca', 'create', directory, '--root-cert', certificate, '--hsm-uri', `${uri}?module-path=${token.module}`],
  ]
  return { token, home, folder, key, directory, create }
}

test.each([
  ['an id and no label', ['--id', '0a'], 'pkcs11:token=acme;id=%0a', { keyLabel: '', keyId: '0a' }],
  ['a label and no id', ['--label', 'mine'], 'pkcs11:token=acme;object=mine', { keyLabel: 'mine', keyId: '' }],
  ['both, named by its id', ['--label', 'mine', '--id', '0b'], 'pkcs11:token=acme;id=%0b', { keyLabel: 'mine' }],
  ['both, and the only one in the token', ['--label', 'mine', '--id', '0b'], 'pkcs11:token=acme', { keyId: '0b' }],
])('a key with %s is found, and found again', async (_, words, uri, remembered) => {
  const { home, directory, create } = await scene(words)
  const made = await home.fpki(create(uri))
  expect({ status: made.status, stderr: made.status === 0 ? '' : made.stderr }).toEqual({ status: 0, stderr: '' })
  const state = JSON.parse(await readFile(join(directory, '.fpki', 'state.json'), 'utf8'))
  expect(state.rootKey).toMatchObject(remembered)
  expect(
    (
      await home.fpki([
        'ca',
        'add-device-ca',
        directory,
        '--no-online-ca',
        '--local-ca',
        '--local-ca-filename',
        'b.pem',
      ])
    ).status,
  ).toBe(0)
  await output('openssl', ['verify', '-CAfile', join(directory, 'factory_ca.pem'), join(directory, 'b.pem')])
})

test('of several matching keys, the one of the certificate is selected', async () => {
  const { token, home, folder, key, create } = await scene(['--label', 'hidden', '--id', '01'])
  await pkcs11Tool(token, ['--delete-object', '--type', 'privkey', '--label', 'hidden'])
  await pkcs11Tool(token, ['--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'root-ca', '--id', '01'])
  const p8 = join(folder, 'root.p8')
  await output('openssl', ['pkcs8', '-topk8', '-nocrypt', '-in', key, '-out', p8])
  const where = ['--token', token.label, '--label', 'root-ca', '--id', '31', '--pin', PIN]
  await output('softhsm2-util', ['--import', p8, ...where], { env: token.env })
  const { status, stdout, stderr } = await home.fpki([...create('pkcs11:token=acme;object=root-ca'), '--json'])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  expect(JSON.parse(stdout).rootKey).toMatchObject({ keyLabel: 'root-ca', keyId: '31' })
})

test('if the certificate does not select one, the keys are listed as URIs, and each works when pasted', async () => {
  const { token, home, create } = await scene(['--label', 'mine', '--id', '0a'])
  for (const label of ['first', 'second']) {
    await pkcs11Tool(token, ['--keypairgen', '--key-type', 'EC:prime256v1', '--label', label, '--id', '05'])
  }
  const several = await home.fpki(create('pkcs11:token=acme;id=%05'))
  expect({ status: several.status, code: several.stderr.includes('[ERR_HSM_KEY]') }).toEqual({ status: 5, code: true })
  const uris = [...several.stderr.replaceAll('\n', ' ').matchAll(/'(pkcs11:[^' ]+)'/g)].map(([, uri = '']) => uri)
  // SoftHSM lists its objects as the file system lists their files: in any order.
  expect(uris.map((uri) => /object=(\w+)/.exec(uri)?.[1]).sort()).toEqual(['first', 'second'])
  const none = await home.fpki(create('pkcs11:token=acme;object=other'))
  expect(none.stderr).toContain('has no private key labelled "other". Its keys: ')
  const [mine = ''] = /pkcs11:[^' ]*object=mine[^' ]*/.exec(none.stderr) ?? []
  const words = create('').map((word) => (word.startsWith('?module-path') ? mine : word))
  expect((await home.fpki(words)).status).toBe(0)
})
