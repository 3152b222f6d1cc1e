import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import fc from 'fast-check'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { batchesInThisThread } from '../../../src/issuance/device-batch/in-this-thread.js'
import { batchesInThreads } from '../../../src/issuance/device-batch/in-threads.js'
import type { BatchKey, DeviceBatches, IssuedCertificate } from '../../../src/issuance/device-batch/model.js'
import { packRows, unpackRows } from '../../../src/issuance/device-batch/packed-rows.js'
import { readCertificate } from '../../../src/pki/read-certificate.js'
import { csrPem } from '../../pki/support/csr.js'
import { runProgram, temporaryDirectory } from '../../support/cli.js'
import { unchecked } from '../../support/issue.js'
import { ALL_POINTS } from '../../support/points.js'
import {
  deviceCsr,
  newOrder,
  newScene,
  PORTS,
  registeredCsrs,
  type Scene,
  subjectOf,
  validityUnder,
} from './batch-scene.js'

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/device-batch/device-batch-thread.js', import.meta.url))
/** Node stopped a thread after some ten thousand keys that were exported after they had been generated. */
const MADE_KEYS = ALL_POINTS ? 100_000 : 5000
const POLICY = { allowsProduction: true }

let scene: Scene

beforeAll(async () => {
  scene = await newScene()
})

function inThreads(options: { program?: string; key?: BatchKey; signal?: AbortSignal } = {}): DeviceBatches {
  const { program = PROGRAM, key = scene.issuer.key, signal } = options
  const batches = batchesInThreads({ ...scene.issuer, key }, { threads: 2, program }, { ...PORTS, signal })
  onTestFinished(() => batches.close())
  return batches
}

/** A program for worker threads, in JavaScript. */
async function programOf(text: string): Promise<string> {
  const path = join(await temporaryDirectory(), 'thread.mjs')
  await writeFile(path, text)
  return path
}

function subjectsOf(issued: readonly IssuedCertificate[]): readonly string[] {
  return issued.map(({ der }) => Buffer.from(readCertificate(der, 'it').subject.der).toString('hex'))
}

describe('worker threads', () => {
  test('make keys without end: none of them stops a thread', async () => {
    const batches = inThreads()
    const devices = Array.from({ length: 1000 }, () => ({ uuid: randomUUID(), isProduction: false }))
    for (let made = 0; made < MADE_KEYS; made += devices.length) {
      const keys = await batches.makeKeys(devices)
      expect(keys.map(({ uuid }) => uuid)).toEqual(devices.map(({ uuid }) => uuid))
    }
  })

  test('check requests as this thread does, in their order', async () => {
    const der = deviceCsr()
    const requests = [
      ...(await registeredCsrs()),
      ...Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? deviceCsr() : csrPem(deviceCsr()))),
      ...['', 'x', Buffer.alloc(0), der.subarray(1), 'x'.repeat(100_000), Buffer.alloc(100_000), csrPem(der).repeat(2)],
      deviceCsr(subjectOf(['2.5.4.3', 'ä']), []),
    ]
    const expected = await batchesInThisThread(scene.issuer, PORTS).check(requests, POLICY)
    expect((await inThreads().check(requests, POLICY)).map(comparable)).toEqual(expected.map(comparable))
    expect(new Set(expected.map(({ kind }) => kind)).size).toBe(2)
  })

  test('certify in the order of the orders, in several batches at once', async () => {
    const batches = inThreads()
    const lists = [1, 33, 100].map((length) => Array.from({ length }, () => newOrder()))
    const issued = await Promise.all(lists.map((orders) => batches.certify(orders, validityUnder(scene))))
    expect(issued.map(subjectsOf)).toEqual(
      lists.map((orders) => orders.map(({ subject }) => Buffer.from(subject).toString('hex'))),
    )
    const all = issued.flat().map(({ der }) => readCertificate(der, 'it'))
    for (const { x509 } of all) expect(x509.verify(scene.ca.certificate.x509.publicKey)).toBe(true)
    expect(new Set(all.map(({ serialNumber }) => serialNumber)).size).toBe(134)
  })

  test('make keys that they then certify', async () => {
    const batches = inThreads()
    const devices = Array.from({ length: 20 }, (_, index) => ({ uuid: randomUUID(), isProduction: index % 2 === 0 }))
    const made = await batches.makeKeys(devices)
    expect(made.map(({ uuid, isProduction }) => ({ uuid, isProduction }))).toEqual(devices)
    const issued = await batches.certify(made, validityUnder(scene))
    for (const [index, { der }] of issued.entries()) {
      const { x509 } = readCertificate(der, 'it')
      expect(x509.subject.replaceAll('\n', ', ')).toContain(`CN=${devices[index]?.uuid}, OU=acme`)
    }
    expect(new Set(made.map(({ privateKeyPem }) => privateKeyPem)).size).toBe(20)
  })

  test('verify what a token signs in this thread', async () => {
    const key: BatchKey = { kind: 'token', signers: [scene.ca.signer, scene.ca.signer] }
    const orders = Array.from({ length: 70 }, () => newOrder())
    const issued = await inThreads({ key }).certify(orders, validityUnder(scene))
    expect(subjectsOf(issued)).toEqual(orders.map(({ subject }) => Buffer.from(subject).toString('hex')))
    const stranger = (await newScene()).ca.signer
    const wrong = inThreads({ key: { kind: 'token', signers: [stranger] } })
    await expect(wrong.certify(orders, validityUnder(scene))).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
  })

  test('answer nothing with nothing', async () => {
    const batches = inThreads()
    expect(await batches.check([], POLICY)).toEqual([])
    expect(await batches.makeKeys([])).toEqual([])
    expect(await batches.certify([], validityUnder(scene))).toEqual([])
  })
})

describe('failures', () => {
  test('an error of one order has its code and hint, and the threads go on', async () => {
    const batches = inThreads()
    const orders = [newOrder(), { ...newOrder(), subject: Buffer.alloc(0) }]
    const refused = { name: 'FpkiError', code: 'ERR_PROFILE', hint: expect.stringMatching(/./) }
    await expect(batches.certify(orders, validityUnder(scene))).rejects.toMatchObject(refused)
    expect(await batches.certify([newOrder()], validityUnder(scene))).toHaveLength(1)
  })

  test('a thread that ends', async () => {
    const program = await programOf(
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', () => process.exit(3))`,
    )
    const batches = inThreads({ program })
    const dead = { code: 'ERR_THREAD', message: expect.stringContaining('exit status 3') }
    await expect(batches.check([deviceCsr(), deviceCsr()], POLICY)).rejects.toMatchObject(dead)
    await expect(batches.certify([newOrder()], validityUnder(scene))).rejects.toMatchObject(dead)
  })

  test('a program that is missing', async () => {
    const batches = inThreads({ program: '/nowhere/thread.js' })
    const missing = { code: 'ERR_THREAD', message: expect.stringContaining('MODULE_NOT_FOUND') }
    await expect(batches.check([deviceCsr()], POLICY)).rejects.toMatchObject(missing)
  })

  test('a bug in a thread is passed on as it is', async () => {
    const program = await programOf(
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', async () => { throw new TypeError('a bug') })`,
    )
    await expect(inThreads({ program }).check([deviceCsr()], POLICY)).rejects.toThrow(new TypeError('a bug'))
  })
})

describe('the end', () => {
  const SILENT = `import { parentPort } from 'node:worker_threads'
    parentPort.on('message', () => {})`

  test('closing rejects what is not done, and everything afterwards', async () => {
    const batches = inThreads({ program: await programOf(SILENT) })
    const pending = batches.check(
      Array.from({ length: 200 }, () => 'x'),
      POLICY,
    )
    const seen = expect(pending).rejects.toThrow('the batches are closed')
    await batches.close()
    await seen
    await expect(batches.makeKeys([{ uuid: randomUUID(), isProduction: false }])).rejects.toThrow('closed')
    await batches.close()
  })

  test('the signal rejects with its reason, before and during work', async () => {
    const controller = new AbortController()
    const batches = inThreads({ program: await programOf(SILENT), signal: controller.signal })
    const seen = expect(batches.check(['x'], POLICY)).rejects.toThrow('stopped')
    controller.abort(new Error('stopped'))
    await seen
    await expect(batches.check(['x'], POLICY)).rejects.toThrow('stopped')
    expect(() => inThreads({ signal: controller.signal })).toThrow('stopped')
  })

  test('the signal stops a token between two signatures', async () => {
    const controller = new AbortController()
    const sign = vi.fn(async (data: Uint8Array) => {
      controller.abort(new Error('stopped'))
      return scene.ca.signer.sign(unchecked(data))
    })
    const key: BatchKey = { kind: 'token', signers: [{ ...scene.ca.signer, sign }] }
    const orders = Array.from({ length: 5 }, () => newOrder())
    const batches = inThreads({ key, signal: controller.signal })
    await expect(batches.certify(orders, validityUnder(scene))).rejects.toThrow('stopped')
    expect(sign).toHaveBeenCalledTimes(1)
  })

  test('threads that nobody closed do not keep the process alive', async () => {
    const folder = await temporaryDirectory()
    const outfile = join(folder, 'main.mjs')
    const pool = JSON.stringify(
      fileURLToPath(new URL('../../../src/issuance/device-batch/thread-pool.ts', import.meta.url)),
    )
    const program = await programOf(
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', ({ rows }) => parentPort.postMessage({ rows }, [rows]))`,
    )
    const contents = `import { threadPool } from ${pool}
      const pool = threadPool({ threads: 2, program: ${JSON.stringify(program)} }, {}, undefined)
      const { byteLength } = await pool.run({ kind: 'makeKeys', rows: new ArrayBuffer(7) })
      console.log('answered', byteLength)`
    await build({ stdin: { contents, resolveDir: folder }, bundle: true, format: 'esm', platform: 'node', outfile })
    expect(await runProgram(process.execPath, [outfile])).toMatchObject({ status: 0, stdout: 'answered 7\n' })
  })
})

test('packed rows are the rows, whatever their octets', () => {
  const rows = fc.integer({ min: 1, max: 6 }).chain((columns) => {
    const cell = fc.uint8Array({ maxLength: 300 })
    return fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 20 })
  })
  const property = fc.property(rows, (all) => {
    expect(unpackRows(packRows(all))).toEqual(all)
  })
  fc.assert(property)
})

function comparable(checked: object): object {
  const entries = Object.entries(checked)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value]),
  )
}
