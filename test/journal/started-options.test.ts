import { expect, test } from 'vitest'
import { withFlags } from '../../src/cli/started-with.js'
import type { FpkiError } from '../../src/errors.js'
import { type CreatePkiOptions, createPki } from '../../src/operations/create/create-pki.js'
import { createOn, DIRECTORY, machineOn } from '../support/create-scene.js'
import { pointsOf, stopAt } from '../support/disturb.js'
import { memoryDisk } from '../support/memory-disk.js'

const USUAL = {
  ...{ directory: DIRECTORY, factory: 'acme', onlineCa: true, tlsNames: [] },
  ...({ root: { kind: 'new-file' }, localCa: { kind: 'file' } } as const),
}

/** What a `ca create` with other options says where one was interrupted. */
async function refusedWith(options: CreatePkiOptions): Promise<FpkiError> {
  const disk = memoryDisk()
  const points = await pointsOf((disturbance) => createOn(memoryDisk(), disturbance))
  await createOn(disk, stopAt(points.indexOf('requestCsrs')).disturbance).catch(() => undefined)
  disk.losePower()
  return createPki(options, machineOn(disk)).then(
    () => {
      throw new Error('it was not refused')
    },
    (error: FpkiError) => error,
  )
}

const HSM = {
  ...{ module: '/usr/lib/m.so', initArgs: '' },
  token: { label: 'acme', serial: null, model: null, manufacturer: null, slotId: null },
  key: { label: null, id: null },
}

test.each<[CreatePkiOptions, string, string]>([
  [{ ...USUAL, onlineCa: false }, 'onlineCa true', '--online-ca true'],
  [{ ...USUAL, tlsNames: ['gw.example'] }, 'tlsNames (not given)', '--tls-name (not given)'],
  [
    { ...USUAL, root: { kind: 'new-file', encrypt: true }, localCa: { kind: 'file', encrypt: true } },
    'root.encrypt false, localCa.encrypt false',
    '--encrypt-keys false',
  ],
  [{ ...USUAL, localCa: { kind: 'none' } }, 'localCa.kind file', '--local-ca true, --local-ca-in-hsm (not given)'],
  [
    { ...USUAL, root: { kind: 'new-token', hsm: HSM, curve: 'P-384' } },
    'root.kind new-file, root.hsm.module (not given), root.hsm.tokenLabel (not given), root.curve (not given)',
    '--hsm-module (not given), --hsm-token-label (not given), --key-type (not given)',
  ],
])('%#: the library names options, and the command line flags', async (options, inLibrary, onCommandLine) => {
  const error = await refusedWith(options)
  expect(error.code).toBe('ERR_UNFINISHED')
  expect(error.message).toContain(`started with ${inLibrary}.`)
  expect(withFlags(error).message).toContain(`started with ${onCommandLine}.`)
})
