import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { ALL_DEVICES } from '../../../src/devices/register.js'
import { FpkiError } from '../../../src/errors.js'
import { batchesInThisThread } from '../../../src/issuance/device-batch/in-this-thread.js'
import { thisMachine } from '../../../src/machine/index.js'
import type { RegistrationPorts } from '../../../src/operations/registration/options.js'
import { registrationScene } from '../../operations/registration/scene.js'
import { withRegister } from '../../support/device-register.js'
import { deviceCsr } from '../../support/device-requests.js'
import { realService } from './real-scene.js'

test('a CA that expires while the service runs signs nothing from that moment on, and the ping says so', async () => {
  const scene = await registrationScene()
  const token = await scene.token()
  const notAfter = new Date(new X509Certificate(await scene.text('local-ca.pem')).validTo)
  let signed = 0
  const newBatches: RegistrationPorts['newBatches'] = (issuer) => {
    const batches = batchesInThisThread(issuer, thisMachine())
    const certify: typeof batches.certify = (orders, validity) => {
      signed += orders.length
      return batches.certify(orders, validity)
    }
    return { ...batches, certify }
  }
  const service = await realService(scene, new Date(notAfter.getTime() - 1), { ports: { newBatches } })
  const device = deviceCsr()
  const issued = await service.register(token, device)
  expect({ ping: (await service.get('/sign')).status, post: issued.status, signed }).toEqual({
    ...{ ping: 200, post: 201, signed: 1 },
  })
  expect(new Date(new X509Certificate(JSON.parse(issued.text)['client.pem']).validTo)).toEqual(notAfter)

  service.later(1)
  // The answer to the last ping is still remembered.
  const refused = await service.register(token)
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) } })
  expect(JSON.parse(refused.text)).toEqual({ message: 'the device CA cannot issue now' })
  service.later(1000)
  expect((await service.get('/sign')).status).toBe(503)
  const ready = await service.get('/readyz')
  expect({ status: ready.status, ...JSON.parse(ready.text) }).toEqual({
    ...{ status: 503, message: 'the device CA local-ca.pem has expired' },
  })
  expect((await service.get('/metrics')).text).toMatch(/^fpki_registration_available 0$/m)
  expect((await service.register(token, device)).status).toBe(503)
  expect(signed).toBe(1)
  const count = await withRegister(scene.directory, (register) => register.count({ ...ALL_DEVICES, line: 'line-1' }))
  expect(count.devices).toBe(1)
})

test('a token that hangs fails the ping after some seconds, and is asked again when it answers', async () => {
  const scene = await registrationScene()
  const token = await scene.token()
  let answer: () => void = () => undefined
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  let asked = 0
  const newBatches: RegistrationPorts['newBatches'] = (issuer) => ({
    ...batchesInThisThread(issuer, thisMachine()),
    prove: () => {
      asked++
      return answered
    },
  })
  const waits: number[] = []
  const wait = async (milliseconds: number) => {
    waits.push(milliseconds)
  }
  const service = await realService(scene, new Date(), { ports: { newBatches, wait } })
  expect((await service.get('/sign')).status).toBe(200)
  for (let ping = 0; ping < 3; ping++) {
    service.later(4000)
    const { status, text } = await service.get('/sign')
    expect({ status, ...JSON.parse(text) }).toEqual({
      ...{ status: 503, message: 'the key of the device CA local-ca.pem is not available' },
    })
  }
  expect({ asked, waits }).toEqual({ asked: 1, waits: [5000] })
  expect(scene.warnings).toEqual([expect.stringContaining('The token with the key of local-ca.pem does not answer.')])
  answer()
  service.later(4000)
  expect((await service.get('/sign')).status).toBe(200)
  expect((await service.register(token)).status).toBe(201)
})

test('a register that can never work again ends the service with the reason, so that systemd starts another', async () => {
  const scene = await registrationScene()
  await scene.token()
  let fail: (reason: FpkiError) => void = () => undefined
  const failure = new Promise<FpkiError>((resolve) => {
    fail = resolve
  })
  const service = await realService(scene, new Date(), { failure })
  expect((await service.get('/readyz')).status).toBe(200)
  const reason = new FpkiError('ERR_THREAD', 'The thread died.', 'Start it again.')
  fail(reason)
  await expect(service.ended()).rejects.toBe(reason)
  expect(service.log()).toContain('"code":"ERR_THREAD"')
  await expect(service.get('/readyz')).rejects.toThrow('ECONNREFUSED')
})
