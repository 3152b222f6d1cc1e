import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FactoryApi } from '../../../src/factory/api.js'
import { embeddedFactoryOn, thisMachine } from '../../../src/machine/index.js'
import { addDeviceCa } from '../../../src/operations/device-cas/add-device-ca.js'
import { changeDeviceCas } from '../../../src/operations/device-cas/change-device-cas.js'
import { updateDeviceCas } from '../../../src/operations/device-cas/update-device-cas.js'
import { deviceCasOf } from '../../../src/operations/open-pki.js'
import { crlNumberOf, hexOf, knownOf, serialOf } from '../../cli/device-cas.js'
import { copiedPki, type Made } from '../../cli/made.js'
import { SILENT } from '../../support/create-scene.js'

const { signal } = new AbortController()

/** Two PKI directories of one factory. */
async function twoDirectories() {
  const made = await copiedPki()
  const other = join(made.home.path, 'other')
  await cp(made.directory, other, { recursive: true })
  const api = embeddedFactoryOn({ stateDirectory: made.home.state, factory: 'acme' }, { ...thisMachine(), signal })
  return { made, api, other }
}

function portsWith(api: FactoryApi) {
  return { ...thisMachine(), api, progress: SILENT, signal, confirm: async () => undefined }
}

async function add(directory: string, name: string, api: FactoryApi): Promise<string> {
  const options = { directory, factory: 'acme', onlineCa: false, localCa: true, localCaFilename: name }
  const { added } = await addDeviceCa(options, portsWith(api))
  return added[0]?.serial ?? ''
}

function revoke(directory: string, serial: string, api: FactoryApi, confirm = async () => undefined) {
  const options = { directory, factory: 'acme', action: 'revoke', caFiles: [], caSerials: [serial] } as const
  return changeDeviceCas({ ...options, dryRun: false }, { ...portsWith(api), confirm })
}

/** The API, with a concurrent change between the last read and the first update; `versions`: does it support them? */
function disturbed(api: FactoryApi, other: () => Promise<unknown>, versions = true): FactoryApi {
  let done = false
  return {
    ...api,
    getCertificates: async () => {
      const known = await api.getCertificates()
      return known === null || versions ? known : { ...known, version: null }
    },
    updateCertificates: async (update, version) => {
      if (!done) {
        done = true
        await other()
      }
      await api.updateCertificates(update, versions ? version : null)
    },
  }
}

async function serialsInApi(api: FactoryApi): Promise<readonly string[]> {
  const known = await api.getCertificates()
  return known === null ? [] : deviceCasOf(known).map(({ serialNumber }) => serialNumber.toString())
}

async function firstCas(made: Made): Promise<readonly string[]> {
  return [await serialOf(made.path('online-crt')), await serialOf(made.path('local-ca.pem'))]
}

test('a device CA that another directory adds between reading and writing is kept', async () => {
  const { made, api, other } = await twoDirectories()
  let theirs = ''
  const ours = await add(
    made.directory,
    'ours',
    disturbed(api, async () => {
      theirs = await add(other, 'theirs', api)
    }),
  )
  expect(await serialsInApi(api)).toEqual([...(await firstCas(made)), theirs, ours])
})

test('a device CA that another directory revokes between reading and writing stays revoked', async () => {
  const { made, api, other } = await twoDirectories()
  const [online = '', local = ''] = await firstCas(made)
  const ours = await add(
    made.directory,
    'ours',
    disturbed(api, () => revoke(other, local, api)),
  )
  expect(await serialsInApi(api)).toEqual([online, ours])
})

test('two directories that each revoke a device CA do not revoke the last one without confirmation', async () => {
  const { made, api, other } = await twoDirectories()
  const [online = '', local = ''] = await firstCas(made)
  const ended = revoke(
    made.directory,
    local,
    disturbed(api, () => revoke(other, online, api)),
  )
  await expect(ended).rejects.toMatchObject({ code: 'ERR_NOT_CONFIRMED' })
  expect(await serialsInApi(api)).toEqual([local])
  // It was rolled back, so the next change succeeds.
  await add(made.directory, 'ours', api)
})

test('a CRL gets the next number when another directory has sent one meanwhile', async () => {
  const { made, api, other } = await twoDirectories()
  const [online = '', local = ''] = await firstCas(made)
  await add(made.directory, 'ours', api)
  const disable = (directory: string, serial: string, through: FactoryApi) =>
    changeDeviceCas(
      { directory, factory: 'acme', action: 'disable', caFiles: [], caSerials: [serial], dryRun: false },
      portsWith(through),
    )
  await disable(
    made.directory,
    local,
    disturbed(api, () => disable(other, online, api)),
  )
  expect((await knownOf(made)).disabledCaSerials.toSorted()).toEqual([online, local].toSorted())
  expect(await crlNumberOf(made)).toBe(2)
})

test('`ca update` does not overwrite a change since its last read', async () => {
  const { made, api, other } = await twoDirectories()
  let theirs = ''
  const through = disturbed(api, async () => {
    theirs = await add(other, 'theirs', api)
  })
  const text = await made.text('local-ca.pem')
  const ended = updateDeviceCas({ factory: 'acme', text, what: 'cas.pem' }, portsWith(through))
  await expect(ended).rejects.toMatchObject({ code: 'ERR_NOT_CONFIRMED' })
  expect(await serialsInApi(api)).toEqual([...(await firstCas(made)), theirs])
})

test('an API that is changed before each attempt is an error, and the directory is unchanged', async () => {
  const { made, api, other } = await twoDirectories()
  const busy: FactoryApi = {
    ...api,
    updateCertificates: async (update, version) => {
      const { caCrt } = (await api.getCertificates()) ?? {}
      await api.updateCertificates({ caCrt: `${caCrt}\n` })
      await api.updateCertificates(update, version)
    },
  }
  await expect(add(made.directory, 'ours', busy)).rejects.toMatchObject({ code: 'ERR_API', status: 412 })
  expect(await serialsInApi(api)).toEqual(await firstCas(made))
  await add(other, 'theirs', api)
  await add(made.directory, 'ours', api)
  expect(await serialsInApi(api)).toHaveLength(4)
})

test('with an API without versions, an overwritten list is reported', async () => {
  const { made, api, other } = await twoDirectories()
  const stale = disturbed(api, async () => undefined, false)
  const { caCrt: before } = (await api.getCertificates()) ?? {}
  let updates = 0
  const overwritten: FactoryApi = {
    ...stale,
    updateCertificates: async (update) => {
      await stale.updateCertificates(update)
      updates++
    },
    getCertificates: async () => {
      const known = await stale.getCertificates()
      // A client that read before this update writes after it was read back.
      if (updates === 1) {
        updates++
        await api.updateCertificates({ caCrt: before ?? '' })
      }
      return known
    },
  }
  const ended = add(made.directory, 'ours', overwritten)
  const ours = () => serialOf(made.path('ours.pem'))
  const error = await ended.catch((caught) => caught)
  expect(error).toMatchObject({ code: 'ERR_API', message: expect.stringContaining(`missing: ${hexOf(await ours())}`) })
  // Nothing is pending: the directory has the CA, and the next change succeeds.
  await add(other, 'theirs', api)
})

test('with an API without versions, a revoked device CA that the new list restores is reported', async () => {
  const { made, api, other } = await twoDirectories()
  const [, local = ''] = await firstCas(made)
  const through = disturbed(api, () => revoke(other, local, api), false)
  const error = await add(made.directory, 'ours', through).catch((caught) => caught)
  expect(error).toMatchObject({ code: 'ERR_API', message: expect.stringContaining(`restored them: ${hexOf(local)}`) })
  await revoke(made.directory, local, api)
  expect(await serialsInApi(api)).not.toContain(local)
})
