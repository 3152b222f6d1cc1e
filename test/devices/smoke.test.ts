import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDeviceRegister } from '../../src/devices/open.js'
import { ALL_DEVICES } from '../../src/devices/register.js'
import { thisMachine } from '../../src/machine/index.js'

test('smoke', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'fpki-reg-'))
  const path = join(dir, 'devices.sqlite')
  const r = await openDeviceRegister({ path, create: true }, thisMachine())
  const certificates = Array.from({ length: 300 }, () => {
    const uuid = randomUUID()
    return {
      uuid,
      keyHash: randomBytes(32),
      serial: randomBytes(20).toString('hex'),
      der: randomBytes(500),
      notAfter: 99,
      name: uuid,
      group: null,
      hardwareId: 'hw',
      serialNumber: null,
      isProduction: false,
    }
  })
  const at = 1e12
  const out = await r.commit({ line: 'default', ca: 'ab'.repeat(32), at, certificates })
  expect(out.every((o) => o.kind === 'committed')).toBe(true)
  const again = await r.commit({ line: 'default', ca: 'ab'.repeat(32), at, certificates })
  expect(again.every((o) => o.kind === 'existing')).toBe(true)
  const look = await r.lookUp(certificates)
  expect(
    look.every((l, i) => l.certificate?.serial === certificates[i]?.serial && l.keyOwner === certificates[i]?.uuid),
  ).toBe(true)
  let n = 0
  let last = ''
  for await (const d of r.devices({ ...ALL_DEVICES, line: 'default' })) {
    expect(d.uuid > last).toBe(true)
    last = d.uuid
    n++
  }
  for await (const d of r.certificates({ ...ALL_DEVICES, since: 5, hardwareId: 'hw' })) {
    expect(d.certificate.der.length).toBe(500)
    n++
  }
  expect(n).toBe(600)
  await r.abandon([certificates[0]?.uuid ?? ''], at)
  await r.close()
  const ro = await openDeviceRegister({ path, create: false }, thisMachine())
  await expect(ro.abandon([certificates[1]?.uuid ?? ''], at)).rejects.toThrow()
  await ro.close()
})
