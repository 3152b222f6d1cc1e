import { chmod, copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { opensslCsr } from '../pki/support/openssl-csr.js'
import { type Home, newHome, output } from '../support/cli.js'
import { newCompany, selfSigned } from '../support/company.js'
import { editCertificates } from './made.js'
import { snapshotButAuditLog } from './snapshot.js'

const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign', 'subjectKeyIdentifier=hash']

function create(home: Home, certificate: string, key: string, ...words: readonly string[]) {
  return home.fpki(['ca', 'create', join(home.path, 'acme'), '--root-cert', certificate, '--root-key', key, ...words])
}

test.each([
  ['nameConstraints=permitted;DNS:corp.example', 'tls-crt', 'permit DNS:corp.example, not DNS:gw.example'],
  ['nameConstraints=critical,excluded;DNS:gw.example', 'tls-crt', 'exclude DNS:gw.example'],
  ['nameConstraints=critical,permitted;dirName:dn', 'local-ca.pem', 'permit dirName:O=Company'],
  ['policyConstraints=critical,requireExplicitPolicy:0', 'local-ca.pem', 'no explicit policy'],
])('refuses a root with %s before anything is created, since %s would be invalid', async (constraint, file, reason) => {
  const { key, certificate } = await selfSigned({ extensions: [...CA, constraint, '[dn]', 'O=Company'] })
  const home = await newHome()
  const { status, stderr } = await create(home, certificate, key, '--tls-name', 'gw.example')
  expect({ status, stderr }).toEqual({ status: 6, stderr: expect.stringContaining(`Refusing to sign ${file}`) })
  expect(stderr).toContain(reason)
  expect(stderr).toContain('ERR_CONSTRAINTS')
  expect((await home.fpki(['ca', 'show', '--factory', 'acme'])).status).toBe(3)
  await expect(output('ls', [join(home.path, 'acme')])).rejects.toThrow()
})

test('signs only what the nameConstraints of the root permit', async () => {
  const extensions = [...CA, 'nameConstraints=permitted;DNS:corp.example']
  const { key, certificate } = await selfSigned({ extensions })
  const home = await newHome()
  const directory = join(home.path, 'acme')
  const made = await create(home, certificate, key, '--tls-name', 'gw.corp.example')
  expect(made.status).toBe(0)
  const issued = ['tls-crt', 'online-crt', 'local-ca.pem'].map((name) => join(directory, name))
  await output('openssl', ['verify', '-x509_strict', '-CAfile', certificate, ...issued])
  const csr = (name: string) => opensslCsr({ extensions: [`subjectAltName=DNS:${name}`] })
  const sign = async (name: string) =>
    home.fpki(['ca', 'sign', '-', '--pki-dir', directory], { stdin: await csr(name) })
  expect((await sign('b.corp.example')).status).toBe(0)
  const refused = [
    await sign('b.example'),
    await home.fpki(['ca', 'rotate-tls', directory, '--tls-name', 'gw.example']),
    await home.fpki(['est', 'authorize', directory, '--tls-name', 'est.example']),
  ]
  for (const { status, stderr } of refused) {
    expect({ status, stderr }).toEqual({ status: 6, stderr: expect.stringContaining('permitted subtree violation') })
  }
  // A refusal leaves no interrupted run: the same command with a permitted name works.
  const rotated = await home.fpki(['ca', 'rotate-tls', directory, '--tls-name', 'gw2.corp.example'])
  expect({ status: rotated.status, stderr: rotated.stderr }).toMatchObject({ status: 0 })
  expect((await home.fpki(['ca', 'verify', directory])).stdout).not.toContain('chain.invalid')
})

test('verify reports certificates that violate the constraints of the root', async () => {
  const { key, certificate } = await selfSigned({ extensions: CA })
  const home = await newHome()
  const directory = join(home.path, 'acme')
  expect((await create(home, certificate, key, '--tls-name', 'gw.example')).status).toBe(0)
  const company = await newCompany()
  const constrained = await company.sign({ key }, { extensions: [...CA, 'nameConstraints=permitted;DNS:corp.example'] })
  const root = join(directory, 'factory_ca.pem')
  await chmod(root, 0o600)
  await copyFile(constrained, root)
  const words = ['verify', '-partial_chain', '-CAfile', root, join(directory, 'tls-crt')]
  await expect(output('openssl', words)).rejects.toThrow(/permitted subtree violation/)
  const { status, stdout } = await home.fpki(['ca', 'verify', directory, '--offline', '--json'])
  const chain = JSON.parse(stdout).findings.filter(({ code }: { code: string }) => code === 'chain.invalid')
  expect({ status, chain }).toMatchObject({
    status: 6,
    chain: [{ file: 'tls-crt', message: expect.stringContaining('permitted subtree') }],
  })
})

test.each([
  ['nameConstraints=permitted;dirName:dn', 'permit dirName:O=Company'],
  ['policyConstraints=critical,requireExplicitPolicy:0', 'no explicit policy'],
])(
  '`add-device-ca` below a root with %s, which the factory has already, changes nothing',
  async (constraint, reason) => {
    const { key, certificate } = await selfSigned({ extensions: CA })
    const home = await newHome()
    const directory = join(home.path, 'acme')
    expect((await create(home, certificate, key)).status).toBe(0)
    const company = await newCompany()
    const constrained = await company.sign({ key }, { extensions: [...CA, constraint, '[dn]', 'O=Company'] })
    const root = join(directory, 'factory_ca.pem')
    await chmod(root, 0o600)
    await copyFile(constrained, root)
    const stateFile = join(home.state, 'factories', 'acme', 'factory.json')
    await editCertificates({ stateFile }, { rootCrt: await readFile(constrained, 'utf8') })
    const known = async () => (await home.fpki(['ca', 'show', '--factory', 'acme'])).stdout
    const before = [await snapshotButAuditLog(directory), await known()]
    for (const words of [['--online-ca'], ['--local-ca', '--local-ca-filename', 'site-b.pem']]) {
      const { status, stderr } = await home.fpki(['ca', 'add-device-ca', directory, ...words])
      expect({ status, stderr }).toEqual({ status: 6, stderr: expect.stringContaining('ERR_CONSTRAINTS') })
      expect(stderr).toContain(reason)
    }
    // Made and empty.
    await output('rmdir', [join(directory, '.fpki', 'pending')])
    expect([await snapshotButAuditLog(directory), await known()]).toEqual(before)
  },
)
