import { expect, test } from 'vitest'
import { openDeviceServices } from '../../../src/operations/device-services/open-device-services.js'
import { registrationScene } from '../registration/scene.js'

test('while one of the services cannot be opened, the Factory API is not informed of devices', async () => {
  const scene = await registrationScene()
  await scene.token()
  const { directory, factory, store, days, hsmSessions, ...registration } = scene.options({ cloud: 'queue' })
  let clouds = 0
  const openCloud = () => {
    clouds++
    throw new Error('the Factory API is informed')
  }
  const options = { directory, factory, store, days, hsmSessions, registration, renewal: null }
  const tooShort = openDeviceServices({ ...options, ocsp: { validity: 1 } }, scene.ports({ openCloud }))
  await expect(tooShort).rejects.toMatchObject({ code: 'ERR_USAGE', option: 'ocspValidity' })
  expect(clouds).toBe(0)
})
