import { expect, test } from 'vitest'
import { withFlags } from '../../src/cli/started-with.js'
import type { FpkiError } from '../../src/errors.js'
import { createPki } from '../../src/operations/create/create-pki.js'
import { createOn, DIRECTORY, machineOn } from '../support/create-scene.js'
import { pointsOf, stopAt } from '../support/disturb.js'
import { memoryDisk } from '../support/memory-disk.js'

/** What a `ca create` with other options says where one was interrupted. */
async function refusedWith(options: object): Promise<FpkiError> {
  const disk = memoryDisk()
  const points = await pointsOf((disturbance) => createOn(memoryDisk(), disturbance))
  await createOn(disk, stopAt(points.indexOf('requestCsrs')).disturbance).catch(() => undefined)
  disk.losePower()
  const asked = { directory: DIRECTORY, factory: 'acme', onlineCa: true, localCa: true, tlsNames: [], ...options }
  return createPki(asked, machineOn(disk)).then(
    () => {
      throw new Error('it was not refused')
    },
    (error: FpkiError) => error,
  )
}

test.each([
  [{ onlineCa: false }, 'onlineCa true', '--online-ca true'],
  [{ tlsNames: ['gw.example'] }, 'tlsNames (not given)', '--tls-name (not given)'],
  [{ encryptKeys: true }, 'encryptKeys false', '--encrypt-keys false'],
])('%j: the library names options, and the command line flags', async (options, inLibrary, onCommandLine) => {
  const error = await refusedWith(options)
  expect(error.code).toBe('ERR_UNFINISHED')
  expect(error.message).toContain(`it was started with ${inLibrary}.`)
  expect(withFlags(error).message).toContain(`it was started with ${onCommandLine}.`)
})
