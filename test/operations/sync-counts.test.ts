import { expect, test } from 'vitest'
import { CHANGES, diskWithPki } from '../support/change-scene.js'
import { createOn, type Disturbance } from '../support/create-scene.js'
import { around } from '../support/disturb.js'
import { memoryDisk } from '../support/memory-disk.js'

/** How often a run syncs a file or a directory, of the PKI and of the embedded Factory API, and which calls of it it makes. */
async function costOf(run: (disturbance: Disturbance) => Promise<unknown>) {
  let syncs = 0
  const calls: string[] = []
  const count = (operation: string) => {
    if (operation === 'fsync') syncs++
  }
  const called = <T>(name: string, work: () => Promise<T>) => {
    calls.push(name)
    return work()
  }
  await run({ disk: { before: count }, api: (api) => around(api, called) })
  return { syncs, calls }
}

test('ca create waits for the disk 35 times at most, and asks the API nothing twice but for reading back', async () => {
  const { syncs, calls } = await costOf((disturbance) => createOn(memoryDisk(), disturbance))
  expect(syncs).toBeLessThanOrEqual(35)
  expect(calls).toEqual(['getCertificates', 'requestCsrs', 'getUser', 'updateCertificates', 'getCertificates'])
})

// Read before anything is made, read again right before the update, which is made for that version, and read back.
const READS = ['getCertificates', 'updateCertificates', 'getCertificates']
test.each([
  ['ca rotate-tls', 25, ['getCertificates', 'requestCsrs', ...READS]],
  ['est authorize', 24, ['getCertificates', 'requestCsrs', ...READS]],
  ['ca add-device-ca', 30, ['getCertificates', 'requestCsrs', 'getUser', ...READS]],
  ['ca revoke-device-ca', 16, ['getCertificates', ...READS]],
  ['ca disable-device-ca', 16, ['getCertificates', ...READS]],
])('%s waits for the disk %i times at most', async (command, most, expected) => {
  const disk = await diskWithPki()
  const { syncs, calls } = await costOf(async (disturbance) => CHANGES[command]?.(disk, disturbance))
  expect(syncs).toBeLessThanOrEqual(most)
  expect(calls).toEqual(expected)
})
