import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDeviceRegister } from '../../../src/devices/open.js'
import { deviceFiles } from '../../../src/machine/devices.js'
import { thisMachine } from '../../../src/machine/index.js'
import { exportAnswers } from '../../../src/operations/ocsp/export-answers.js'
import { copiedPki } from '../../cli/made.js'
import { recordDevices, registerOf, uuidNumber } from '../../support/device-register.js'
import { ocspScene } from './scene.js'

const DAY = 86_400_000

/** The serial numbers of the certificates: two of the first device, of which the older one is good for another day. */
const SERIALS = { first: '5a01', renewed: '5a02', second: '5a03', expired: '5a04' }

/** An OCSP service on a SQLite register. */
async function scene() {
  const pki = await copiedPki()
  const now = Date.now()
  const notAfter = now + 3650 * DAY
  const [first, second, third] = [uuidNumber(1), uuidNumber(2), uuidNumber(3)]
  await recordDevices(pki.directory, [
    { uuid: first, serial: SERIALS.first, notAfter },
    { uuid: second, serial: SERIALS.second, notAfter },
    { uuid: third, serial: SERIALS.expired, notAfter: now - DAY },
  ])
  const register = await openDeviceRegister({ path: registerOf(pki.directory), create: true }, thisMachine())
  onTestFinished(() => register.close())
  const [found] = await register.presented([SERIALS.first])
  const ca = found?.device.ca ?? ''
  const renewed = { uuid: first, ca, serial: SERIALS.renewed, presented: SERIALS.first, notAfter, adopted: null }
  const key = { keyHash: new Uint8Array(32).fill(7), der: new Uint8Array([0x30, 0]) }
  expect(await register.renew({ at: now, overlap: DAY, certificates: [{ ...renewed, ...key }] })).toEqual([
    { kind: 'committed' },
  ])
  const ocsp = await ocspScene({ pki, ports: { register } })
  const outcomes = async () => {
    const all: Record<string, string> = {}
    for (const [name, serial] of Object.entries(SERIALS))
      all[name] = (await ocsp.service.answer(await ocsp.request(serial))).outcome
    return all
  }
  return { ...ocsp, register, outcomes, first, second }
}

test('a register with renewed, superseded, denied and held devices is answered', async () => {
  const { register, outcomes, first, second, later, now, request, service } = await scene()
  const good = { first: 'good', renewed: 'good', second: 'good', expired: 'good' }
  expect(await outcomes()).toEqual(good)
  const at = now().getTime()
  await register.deny([first], { reason: 'certificateHold', at, announce: false })
  await register.deny([second], { reason: 'keyCompromise', at, announce: false })
  later(2000)
  expect(await outcomes()).toEqual({ ...good, first: 'revoked', renewed: 'revoked', second: 'revoked' })
  await register.allow([first], { announce: false, at: now().getTime() })
  later(2000)
  expect(await outcomes()).toEqual({ ...good, second: 'revoked' })
  const { cache } = await service.answer(await request(SERIALS.first))
  expect(cache?.nextUpdate.getTime()).toBeLessThanOrEqual(at + DAY)
  later(DAY)
  expect(await outcomes()).toEqual({ ...good, first: 'revoked', second: 'revoked' })
})

test('ocsp-export writes what the register says of certificates that have not expired', async () => {
  const { register, second, now, directory, home, request, read } = await scene()
  await register.deny([second], { reason: 'keyCompromise', at: now().getTime(), announce: false })
  const machine = thisMachine()
  const out = join(home.path, 'answers')
  const ignore = () => undefined
  const options = { directory, factory: null, store: null, out, ca: 'local-ca', validity: 7 * DAY }
  const result = await exportAnswers(options, {
    ...{ ...machine, batches: deviceFiles(machine).batchFiles, signal: new AbortController().signal },
    progress: { step: ignore, note: ignore, warn: ignore },
  })
  expect(result).toMatchObject({ cas: ['local-ca.pem'], good: 2, revoked: 1 })
  // The one whose overlap ends tomorrow.
  expect(Date.parse(result.validUntil ?? '') - now().getTime()).toBeLessThanOrEqual(DAY)
  expect(await readdir(out)).toHaveLength(3)
  const asked = await request(SERIALS.second)
  const answer = await readFile(join(out, asked.toString('base64').replaceAll('/', '_')))
  expect(await read(asked, answer)).toMatch(/Response verify OK[\s\S]*Revocation Reason: keyCompromise/)
})
