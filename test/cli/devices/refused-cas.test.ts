import { copyFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { type Made, madePki } from '../made.js'
import { expectWords } from '../refusal.js'
import { type IssueScene, issueScene } from './scene.js'

const PASSPHRASE = 'seven horses on the roof'

async function encrypt({ path, home }: Made): Promise<void> {
  const [clear, file] = [path('local-ca.key'), join(home.path, 'passphrase')]
  await writeFile(file, PASSPHRASE, { mode: 0o600 })
  const encrypted = await output('openssl', [
    'pkcs8',
    '-topk8',
    '-in',
    clear,
    '-passout',
    `file:${file}`,
    '-iter',
    '1000',
  ])
  await writeFile(clear, encrypted, { mode: 0o600 })
}

async function fpki({ home }: Made, ...words: readonly string[]): Promise<void> {
  expect(await home.fpki([...words, '--quiet'])).toMatchObject({ status: 0 })
}

async function foreign(scene: IssueScene): Promise<void> {
  const other = await madePki()
  for (const name of ['local-ca.pem', 'local-ca.key']) await copyFile(other.path(name), scene.path(name))
}

async function keyOfAnother(scene: IssueScene): Promise<void> {
  await fpki(scene, 'ca', 'add-device-ca', scene.directory, '--local-ca', '--local-ca-filename', 'site-b.pem')
  await copyFile(scene.path('site-b.key'), scene.path('local-ca.key'))
}

/** What is wrong with the device CA, how that comes about, options, and how it ends. */
const CASES: readonly (readonly [
  string,
  (scene: IssueScene) => Promise<void>,
  readonly string[],
  { status: number; code: string; names: readonly string[] },
])[] = [
  [
    'it is revoked',
    ({ directory, ...scene }) =>
      fpki({ directory, ...scene }, 'ca', 'revoke-device-ca', directory, '--ca-file', 'local-ca', '--yes'),
    [],
    { status: 3, code: 'ERR_NOT_A_DEVICE_CA', names: ['local-ca.pem is revoked'] },
  ],
  [
    'it is of another root',
    foreign,
    [],
    {
      status: 6,
      code: 'ERR_BAD_CERTIFICATE',
      names: ['local-ca.pem cannot sign devices: it is not signed by factory_ca.pem'],
    },
  ],
  [
    'its key is missing',
    ({ path }) => rm(path('local-ca.key')),
    [],
    { status: 6, code: 'ERR_BAD_KEY', names: ['local-ca.key is missing'] },
  ],
  [
    'its key is that of another',
    keyOfAnother,
    [],
    { status: 6, code: 'ERR_BAD_KEY', names: ['local-ca.key is not the key'] },
  ],
  [
    'its key is encrypted, and there is no passphrase',
    encrypt,
    [],
    { status: 6, code: 'ERR_PASSPHRASE', names: ['local-ca.key'] },
  ],
  [
    'it is missing',
    async () => {},
    ['--ca', 'site-z'],
    { status: 6, code: 'ERR_BAD_FILE', names: ['site-z.pem does not exist'] },
  ],
  [
    'it is the root',
    async () => {},
    ['--ca', 'factory_ca.pem'],
    { status: 2, code: 'ERR_USAGE', names: ['it is the name of another PKI file'] },
  ],
  [
    'it is the root under another name',
    async ({ path }) => {
      for (const end of ['pem', 'key']) await copyFile(path(`factory_ca.${end}`), path(`site-r.${end}`))
    },
    ['--ca', 'site-r'],
    { status: 6, code: 'ERR_BAD_CERTIFICATE', names: ['site-r.pem cannot sign devices: '] },
  ],
]

test.each(CASES)('nothing is signed with a device CA when %s', async (_, prepare, words, refusal) => {
  const scene = await issueScene()
  await prepare(scene)
  const out = join(scene.home.path, 'devices')
  expectWords(await scene.issue([{ csr: deviceCsr().pem }], ['--out', out, ...words]), refusal)
  expect(await readdir(scene.home.path)).not.toContain('devices')
})

test('a device CA whose key is encrypted signs with its passphrase, and not with another', async () => {
  const scene = await issueScene()
  await encrypt(scene)
  const rows = [{ csr: deviceCsr().pem }]
  const wrong = await scene.issue(rows, [], { env: { FPKI_PASSPHRASE: 'another' } })
  expectWords(wrong, { status: 6, code: 'ERR_PASSPHRASE', names: ['local-ca.key'] })
  const right = await scene.issue(rows, [], { env: { FPKI_PASSPHRASE: PASSPHRASE } })
  expect(right).toMatchObject({ status: 0 })
  expect(right.stderr).toContain('1 issued')
})
