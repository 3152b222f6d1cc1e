import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { NewCertificate } from '../../src/devices/register.js'
import type { ServiceRegister } from '../../src/operations/registration/issuing-thread/calls.js'
import { registerInThread } from '../../src/operations/registration/issuing-thread/in-thread.js'
import { temporaryDirectory } from '../support/cli.js'
import { deviceIn, renewalOf } from './life-scene.js'
import {
  commitOf,
  DAY,
  MINUTE,
  NOON,
  newCertificate,
  newCertificates,
  sqliteScene,
  UNLIMITED,
  wordsOf,
} from './register-scene.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/device-register/register-thread.js', import.meta.url))

/** A register in a thread, and the same one in this thread. */
async function scene(program = PROGRAM) {
  const { path, open } = await sqliteScene()
  const here = await open()
  const there = await registerInThread({ path, create: true }, program)
  onTestFinished(async () => {
    await there.close()
    await here.close()
  })
  return { here, there, open }
}

/** A program for a thread that has a register open, in JavaScript. */
async function programOf(text: string): Promise<string> {
  const path = join(await temporaryDirectory(), 'thread.mjs')
  await writeFile(path, `import { parentPort } from 'node:worker_threads'\n${text}`)
  return path
}

/** What the methods that only read resolve to. */
async function readings(
  { head, lookUp, lines, credentials, outbox, presented, statuses, lifeCounts }: ServiceRegister,
  keys: readonly NewCertificate[],
) {
  const serials = [...keys.map(({ serial }) => serial), 'ff']
  return {
    head: await head(),
    lookUp: await lookUp(keys),
    line: await lines.get('l'),
    noLine: await lines.get('m'),
    lines: await lines.list(),
    token: await credentials.token('0123456789abcdef'),
    tokens: await credentials.tokens('l'),
    stations: await credentials.stations(null),
    station: await credentials.stationByCertificate('ab'.repeat(32)),
    listed: await credentials.listed('0123456789abcdef', { uuid: 'x', serialNumber: 'S1', keyHash: null }),
    outbox: await outbox.state(),
    presented: await presented(serials),
    statuses: await statuses(serials, NOON + DAY),
    lifeCounts: await lifeCounts(NOON),
  }
}

describe('a register in a thread', () => {
  test('resolves to what it resolves to in this thread', async () => {
    const { here, there } = await scene()
    await here.lines.create('l', { ...UNLIMITED, hardwareIds: ['board'] }, NOON)
    const limits = { uses: 3, uuid: null, createdAt: NOON, expiresAt: NOON + DAY }
    const token = { id: '0123456789abcdef', hash: new Uint8Array(32).fill(7), line: 'l', ...limits }
    await here.credentials.createToken(token, [{ uuid: null, serialNumber: 'S1', keyHash: null }])
    const station = { line: 'l', name: 's', fingerprint: 'ab'.repeat(32), notAfter: NOON + DAY, createdAt: NOON }
    await here.credentials.createStation(station)
    const certificates = newCertificates(3)
    await there.commit(commitOf(certificates, { line: 'l', announce: true }))
    const read = await readings(there, certificates)
    expect(read).toEqual(await readings(here, certificates))
    expect(read).toMatchObject({ head: { certificates: 3 }, listed: expect.any(Number), outbox: { waiting: 3 } })
    expect(read.lookUp.map(({ certificate }) => certificate?.serial)).toEqual(certificates.map(({ serial }) => serial))
  })

  test('has committed what a commit resolved to, with the outcomes in their order', async () => {
    const { here, there } = await scene()
    const [first, second] = [newCertificate(), newCertificate()]
    await there.commit(commitOf([first]))
    expect(await here.device(first.uuid)).toMatchObject({ certificates: [{ serial: first.serial }] })
    const outcomes = await there.commit(commitOf([second, first, newCertificate({ keyHash: first.keyHash })]))
    expect(wordsOf(outcomes)).toEqual(['committed', 'existing', 'key-reused'])
    await there.abandon([second.uuid], NOON)
    expect(await here.device(second.uuid)).toMatchObject({ state: 'abandoned' })
  })

  test('renews certificates, and records those that were seen', async () => {
    const { here, there } = await scene()
    const old = await deviceIn(here)
    const next = renewalOf(old)
    expect(wordsOf(await there.renew({ at: NOON, overlap: DAY, certificates: [next] }))).toEqual(['committed'])
    expect(await there.seen([{ serial: next.serial, at: NOON + MINUTE }])).toMatchObject({ first: 1, superseded: 1 })
    expect((await here.presented([old.serial]))[0]).toMatchObject({ isReplaced: true })
  })

  test('works off the outbox', async () => {
    const { there } = await scene()
    const at = NOON + MINUTE
    await there.commit(commitOf(newCertificates(3), { announce: true }))
    const [sent, taken, failed] = await there.outbox.take({ count: 3, at, until: at + MINUTE })
    if (sent === undefined || taken === undefined || failed === undefined) throw new Error('the outbox has no three')
    await there.outbox.delivered([sent])
    await there.outbox.conflict(taken)
    await there.outbox.failed(failed, { at: at + DAY, reason: 'away' })
    expect(await there.outbox.state()).toMatchObject({ waiting: 1, conflicts: 1, lastFailure: 'away' })
  })

  test('rejects with the errors of the register, and goes on', async () => {
    const { here, there } = await scene()
    const order = commitOf(newCertificates(1), { line: 'nowhere' })
    const expected = await here.commit(order).catch((error: unknown) => error)
    const { code, message, hint, option } = Object(expected)
    const same = { name: 'FpkiError', code, message, hint, option }
    await expect(there.commit(order)).rejects.toMatchObject(same)
    expect(code).toBe('ERR_LINE')
    // A mistake of the caller is not an error that people can do anything about.
    const mistake = commitOf([newCertificate({ notAfter: 0.5 })])
    await expect(here.commit(mistake)).rejects.toThrow('cannot store REAL')
    await expect(there.commit(mistake)).rejects.toThrow('cannot store REAL')
    expect(await there.head()).toMatchObject({ certificates: 0 })
  })

  test('closes when all that was asked before is done', async () => {
    const { there, open } = await scene()
    const commits = Array.from({ length: 5 }, () => there.commit(commitOf(newCertificates(20))))
    const closed = there.close()
    await expect(there.head()).rejects.toThrow('is closed')
    await closed
    expect((await Promise.all(commits)).flat()).toHaveLength(100)
    const again = await open()
    expect(await again.head()).toMatchObject({ certificates: 100 })
    await again.close()
  })

  test('that cannot be opened is an error at once', async () => {
    const folder = await temporaryDirectory()
    const opening = registerInThread({ path: folder, create: true }, PROGRAM)
    await expect(opening).rejects.toMatchObject({ code: 'ERR_BAD_FILE', message: expect.stringContaining(folder) })
  })
})

describe('a thread of a register that ends', () => {
  test('rejects what waits for it and what is asked later, and can be closed', async () => {
    const program = await programOf(
      `parentPort.on('message', ({ name }) => { if (name === 'head') process.exit(3) })
       parentPort.postMessage({ id: 0, result: null })`,
    )
    const register = await registerInThread({ path: '/nowhere', create: true }, program)
    const asked = [register.commit(commitOf([])), register.lines.list(), register.head()]
    const dead = { code: 'ERR_THREAD', message: expect.stringContaining('exit status 3') }
    for (const one of await Promise.allSettled(asked)) expect(one).toMatchObject({ status: 'rejected', reason: dead })
    await expect(register.lines.list()).rejects.toMatchObject(dead)
    expect(await register.failure).toMatchObject(dead)
    await register.close()
  })

  test('before the register is open, or because its program is missing', async () => {
    const ending = registerInThread({ path: '/nowhere', create: true }, await programOf('process.exit(4)'))
    await expect(ending).rejects.toMatchObject({ code: 'ERR_THREAD' })
    const missing = registerInThread({ path: '/nowhere', create: true }, '/nowhere/thread.js')
    await expect(missing).rejects.toMatchObject({ code: 'ERR_THREAD' })
  })
})
