import { X509Certificate } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { embeddedFactoryOn } from '../../../src/machine/index.js'
import { createPki } from '../../../src/operations/create/create-pki.js'
import { crossSign } from '../../../src/operations/root-change/cross-sign.js'
import { renewRoot } from '../../../src/operations/root-change/renew-root.js'
import { diskWithPki } from '../../support/change-scene.js'
import { DIRECTORY, machineOn } from '../../support/create-scene.js'
import type { MemoryDisk } from '../../support/memory-disk.js'

const OTHER = '/home/maker/next'

/** That many years later. */
const clockAfter = (years: number) => () => new Date(Date.now() + years * 366 * 86_400_000)

/** Renews a root as the user of a terminal does, who is asked. */
function renewed(
  disk: MemoryDisk,
  options: { directory?: string; years?: number; confirm?: () => Promise<unknown> } = {},
) {
  const { directory = DIRECTORY, years = 1, confirm } = options
  return renewRoot(
    { directory, factory: null, dryRun: false },
    { ...machineOn(disk), clock: clockAfter(years), confirm: async () => void (await confirm?.()) },
  )
}

function crossSigned(disk: MemoryDisk, years = 0, [one, two]: readonly [string, string] = [DIRECTORY, OTHER]) {
  return crossSign({ directory: one, with: two }, { ...machineOn(disk), clock: clockAfter(years) })
}

/** The names of the files of roots in a directory, as `ls` sorts them. */
function rootFiles(disk: MemoryDisk, directory: string): readonly string[] {
  const paths = [...disk.contents().keys()].filter((path) => path.startsWith(`${directory}/factory_ca.`))
  return paths
    .map((path) => path.slice(directory.length + 1).replace(/[0-9a-f]{8}/, 'X'))
    .filter((name) => name !== 'factory_ca.key')
    .sort()
}

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
  const machine = machineOn(original)
  const api = embeddedFactoryOn({ stateDirectory: '/home/maker/state-2', factory: 'acme' }, machine)
  const options = { directory: OTHER, factory: 'acme', onlineCa: true, tlsNames: [] }
  await createPki({ ...options, root: { kind: 'new-file' }, localCa: { kind: 'file' } }, { ...machine, api })
})

test('a root that another process renews while the user is asked is not renewed a second time', async () => {
  const disk = original.copy()
  await expect(renewed(disk, { confirm: () => renewed(disk) })).rejects.toMatchObject({ code: 'ERR_LOCKED' })
  expect(rootFiles(disk, DIRECTORY)).toEqual(['factory_ca.pem', 'factory_ca.pem.bak'])
  // Nothing is left that would have to be resumed.
  await renewed(disk, { years: 2 })
  expect(rootFiles(disk, DIRECTORY)).toEqual(['factory_ca.pem', 'factory_ca.pem.bak', 'factory_ca.pem.bak.1'])
})

test('nothing is signed when the key of the other root is not its key', async () => {
  const disk = original.copy()
  const { files } = machineOn(disk)
  const local = await files.read(`${OTHER}/local-ca.key`, 4096)
  await files.remove(`${OTHER}/factory_ca.key`)
  await files.create(`${OTHER}/factory_ca.key`, local ?? '', 0o400)
  await expect(crossSigned(disk)).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
  for (const directory of [DIRECTORY, OTHER]) expect(rootFiles(disk, directory)).toEqual(['factory_ca.pem'])
})

test('two processes that let the same roots sign each other sign once in each directory', async () => {
  const disk = original.copy()
  const both = await Promise.allSettled([crossSigned(disk), crossSigned(disk, 0, [OTHER, DIRECTORY])])
  for (const one of both) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ERR_LOCKED' })
  const { certificates } = await crossSigned(disk)
  expect(certificates.map(({ keptAs }) => keptAs)).toEqual([null, null])
  for (const directory of [DIRECTORY, OTHER])
    expect(rootFiles(disk, directory)).toEqual(['factory_ca.cross-X.pem', 'factory_ca.pem'])
})

test('a cross-certificate for a renewed root takes the place of the one for the earlier root', async () => {
  const disk = original.copy()
  const first = await crossSigned(disk)
  for (const directory of [DIRECTORY, OTHER]) await renewed(disk, { directory })
  const second = await crossSigned(disk, 1)
  for (const [at, { directory, file, keptAs }] of second.certificates.entries()) {
    expect([directory, file, keptAs]).toEqual([
      first.certificates[at]?.directory,
      first.certificates[at]?.file,
      `${file}.bak`,
    ])
    expect(rootFiles(disk, directory)).toEqual([
      ...['factory_ca.cross-X.pem', 'factory_ca.cross-X.pem.bak', 'factory_ca.pem', 'factory_ca.pem.bak'],
    ])
    const [now, before] = ['', '.bak'].map((suffix) => {
      const text = disk.contents().get(`${directory}/${file}${suffix}`)?.text
      return new X509Certificate(text ?? '')
    })
    expect(Date.parse(now?.validTo ?? '')).toBeGreaterThan(Date.parse(before?.validTo ?? ''))
    expect(now?.publicKey.equals(before?.publicKey ?? now.publicKey)).toBe(true)
  }
})
