import { describe, expect, test } from 'vitest'
import type { FpkiError } from '../../../src/errors.js'
import { type CreatePkiOptions, checkedTlsNames, createPki } from '../../../src/operations/create/create-pki.js'
import { planCreate } from '../../../src/operations/create/plan.js'
import { createRootCsr } from '../../../src/operations/create/root-csr.js'
import { journalOn } from '../../support/change-scene.js'
import { output } from '../../support/cli.js'
import { DIRECTORY, machineOn } from '../../support/create-scene.js'
import { foldJournal } from '../../support/journal.js'
import { type MemoryDisk, memoryDisk } from '../../support/memory-disk.js'

const WHERE = { directory: DIRECTORY, factory: 'acme', onlineCa: true, tlsNames: [] }
const PASSPHRASE = 'correct horse battery'
const PASSPHRASES = { forExisting: async () => PASSPHRASE, forNew: async () => PASSPHRASE }
const HSM = {
  ...{ module: '/usr/lib/m.so', initArgs: '' },
  token: { label: 'acme', serial: null, model: null, manufacturer: null, slotId: null },
  key: { label: null, id: null },
}

function portsOn(disk: MemoryDisk) {
  return { ...machineOn(disk), passphrases: PASSPHRASES }
}

function filesOf(disk: MemoryDisk) {
  return [...disk.contents()].map(([path, { text }]) => `${path} ${text}`)
}

describe('options that contradict each other do not compile', () => {
  const NEW_FILE = { kind: 'new-file' } as const
  const EXISTING = { kind: 'existing', certificateFile: '/root.pem' } as const
  const cases: readonly CreatePkiOptions[] = [
    // @ts-expect-error local-ca in the token of a root that is in a file
    { ...WHERE, root: NEW_FILE, localCa: { kind: 'token' } },
    // @ts-expect-error encryption of a root key that has no file
    { ...WHERE, root: { kind: 'new-token', hsm: HSM, encrypt: true }, localCa: { kind: 'none' } },
    // @ts-expect-error encryption of a local-ca that is not made
    { ...WHERE, root: NEW_FILE, localCa: { kind: 'none', encrypt: true } },
    // @ts-expect-error a root key without its certificate
    { ...WHERE, root: { kind: 'existing', key: { kind: 'file', path: '/root.key' } }, localCa: { kind: 'none' } },
    // @ts-expect-error a root key in a file and in a token
    { ...WHERE, root: { kind: 'new-file', hsm: HSM }, localCa: { kind: 'none' } },
    // @ts-expect-error a curve for a key that exists
    { ...WHERE, root: { ...EXISTING, key: { kind: 'in-directory' }, curve: 'P-384' }, localCa: { kind: 'none' } },
    // @ts-expect-error an existing key in a token and in a file
    { ...WHERE, root: { ...EXISTING, key: { kind: 'token', hsm: HSM, path: '/k' } }, localCa: { kind: 'none' } },
    // @ts-expect-error an existing key in a file and in a token
    { ...WHERE, root: { ...EXISTING, key: { kind: 'file', path: '/k', hsm: HSM } }, localCa: { kind: 'none' } },
    // @ts-expect-error encryption of an existing key in a token
    { ...WHERE, root: { ...EXISTING, key: { kind: 'token', hsm: HSM, encrypt: true } }, localCa: { kind: 'none' } },
    // @ts-expect-error an existing key in the directory and in another file
    { ...WHERE, root: { ...EXISTING, key: { kind: 'in-directory', path: '/k' } }, localCa: { kind: 'none' } },
    // @ts-expect-error a curve on which fpki makes no key
    { ...WHERE, root: { kind: 'new-token', hsm: HSM, curve: 'P-521' }, localCa: { kind: 'none' } },
  ]

  test('there are several', () => expect(cases.length).toBe(11))
})

describe('a plan', () => {
  test('changes nothing, whether or not the PKI can be created', async () => {
    const disk = memoryDisk()
    const before = filesOf(disk)
    const { keys, existingRoot } = await planCreate(
      { ...WHERE, root: { kind: 'new-file', encrypt: true }, localCa: { kind: 'file' } },
      portsOn(disk),
    )
    expect({ root: keys.root, localCa: keys.localCa, existingRoot }).toEqual({
      root: { kind: 'file', name: 'factory_ca.key' },
      localCa: { kind: 'file', name: 'local-ca.key' },
      existingRoot: null,
    })
    expect(filesOf(disk)).toEqual(before)
    const root = {
      kind: 'existing',
      certificateFile: '/home/maker/no.pem',
      key: { kind: 'file', path: '/home/maker/no.key' },
    } as const
    await expect(planCreate({ ...WHERE, root, localCa: { kind: 'none' } }, portsOn(disk))).rejects.toMatchObject({
      code: 'ERR_BAD_FILE',
      message: 'The root certificate file /home/maker/no.pem does not exist.',
      option: 'root.certificateFile',
    })
    expect(filesOf(disk)).toEqual(before)
  })

  test('refuses local-ca in a token where the directory records none for its root key', async () => {
    const disk = memoryDisk()
    const openApi = async () => ({ name: 'none', getCertificates: async () => null })
    const csr = { directory: DIRECTORY, factory: 'acme', api: 'none', root: { kind: 'new-file' } } as const
    await createRootCsr(csr, { ...portsOn(disk), openApi })
    const before = filesOf(disk)
    const root = {
      kind: 'existing',
      certificateFile: '/home/maker/signed.pem',
      key: { kind: 'in-directory' },
    } as const
    await expect(planCreate({ ...WHERE, root, localCa: { kind: 'token' } }, portsOn(disk))).rejects.toMatchObject({
      code: 'ERR_USAGE',
      option: 'localCa.kind',
    })
    expect(filesOf(disk)).toEqual(before)
  })
})

test('each key file is encrypted or not, as its own option says, and the journal knows which', async () => {
  const disk = memoryDisk()
  const root = { kind: 'new-file', encrypt: true } as const
  await createPki({ ...WHERE, root, localCa: { kind: 'file' } }, portsOn(disk))
  const text = (name: string) => disk.contents().get(`${DIRECTORY}/${name}`)?.text ?? ''
  const words = ['pkey', '-noout', '-check', '-passin', 'env:SECRET']
  const env = { SECRET: PASSPHRASE }
  for (const name of ['factory_ca.key', 'local-ca.key']) {
    expect(await output('openssl', words, { stdin: text(name), env })).toContain('Key is valid')
  }
  expect(text('factory_ca.key')).toContain('ENCRYPTED')
  expect(text('local-ca.key')).not.toContain('ENCRYPTED')
  expect(foldJournal(journalOn(disk)).options).toMatchObject({
    root: { kind: 'new-file', encrypt: true },
    localCa: { kind: 'file', encrypt: false },
  })
})

test('an error names the option that is wrong, and no flag', () => {
  const error = (() => {
    try {
      return checkedTlsNames(['ok.example', 'not ok'])
    } catch (caught) {
      return caught as FpkiError
    }
  })()
  expect(error).toMatchObject({ code: 'ERR_USAGE', option: 'tlsNames', message: expect.not.stringContaining('--') })
})
