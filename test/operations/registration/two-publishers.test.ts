import { expect, onTestFinished, test } from 'vitest'
import { openDeviceRegister } from '../../../src/devices/open.js'
import { thisMachine, waitOrAbort } from '../../../src/machine/index.js'
import { startPublishing } from '../../../src/operations/registration/start-publishing.js'
import { commitOf, newCertificates, sqliteScene } from '../../devices/register-scene.js'
import { httpClient } from '../../factory/support/http.js'
import { factoryServer, type Seen } from '../../support/factory-server.js'

test('two publishers on one register, the second of which begins when the first is stopped in the middle', async () => {
  const { path } = await sqliteScene()
  const machine = thisMachine()
  const server = await factoryServer(null, 'none')
  server.others.set('/ota/devices/', () => ({ status: 201, body: {} }))
  const certificates = newCertificates(60).map((certificate, at) => ({ ...certificate, name: `device-${at}` }))
  const start = async (at = Date.now()) => {
    const register = await openDeviceRegister({ path, create: true }, machine)
    const { devices } = httpClient(server)
    const ports = { ...machine, clock: () => new Date(at), wait: waitOrAbort, report: () => undefined }
    const publisher = startPublishing(register, devices, ports)
    onTestFinished(async () => {
      await publisher.stop()
      await register.close()
    })
    return { register, publisher }
  }
  const first = await start()
  const [stopped, other] = [await start(), await start()]
  server.faults.push({ method: 'PUT', times: 1, fault: { kind: 'slow' } })
  await first.register.commit(commitOf(certificates, { announce: true }))
  first.publisher.nudge()
  await expect.poll(() => server.seen.length, { timeout: 30_000 }).toBeGreaterThan(0)
  await first.publisher.stop()
  for (const { publisher } of [stopped, other]) publisher.nudge()
  // What the first one had taken is left to the end of its lease.
  const { register } = other
  await expect.poll(async () => (await register.outbox.state()).waiting, { timeout: 30_000 }).toBeLessThanOrEqual(8)
  const last = await start(Date.now() + 3_600_000)
  last.publisher.nudge()
  await expect.poll(async () => (await register.outbox.state()).waiting, { timeout: 30_000 }).toBe(0)
  const names = server.seen.map(({ body }: Seen) => (JSON.parse(body) as { name: string }).name)
  expect(new Set(names)).toEqual(new Set(certificates.map(({ name }) => name)))
  // At most those that were in flight were sent again.
  expect(names.length).toBeLessThanOrEqual(certificates.length + 8)
})
