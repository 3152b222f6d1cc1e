import { createPrivateKey, createPublicKey, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { batchesInThisThread } from '../../../src/issuance/device-batch/in-this-thread.js'
import type { BatchKey, IssuedCertificate } from '../../../src/issuance/device-batch/model.js'
import { lint, readFileItems } from '../../../src/lint/index.js'
import { parseDer } from '../../../src/pki/der.js'
import { readName } from '../../../src/pki/name.js'
import { DEVICE } from '../../../src/pki/profiles.js'
import { readCertificate } from '../../../src/pki/read-certificate.js'
import type { Curve } from '../../../src/ports.js'
import { signCertificate } from '../../../src/signer/x509/certificate.js'
import { CN, newKey, OU } from '../../pki/support/csr.js'
import { at, pem, readTlv } from '../../pki/support/der.js'
import { output, temporaryDirectory } from '../../support/cli.js'
import { NOW, newDeviceCa, newRoot, newSigner, unchecked } from '../../support/issue.js'
import {
  accepted,
  BUSINESS_CATEGORY,
  deviceCsr,
  deviceSubject,
  newOrder,
  newScene,
  PORTS,
  PRINTABLE,
  registeredCsrs,
  type Scene,
  subjectOf,
  UTF8,
  validityUnder,
} from './batch-scene.js'

const POLICY = { allowsProduction: true }

let scenes: Readonly<Record<'P-256' | 'P-384', Scene>>

beforeAll(async () => {
  scenes = { 'P-256': await newScene(), 'P-384': await newScene('P-384') }
})

/** Certificates that are verified by OpenSSL as a gateway would, with all of its strictness. */
async function expectOpensslAccepts(issued: readonly IssuedCertificate[], { root, ca }: Scene): Promise<void> {
  const folder = await temporaryDirectory()
  const names = issued.map(({ serial }) => join(folder, `${serial}.pem`))
  await writeFile(join(folder, 'root.pem'), pem('CERTIFICATE', root.certificate.der))
  await writeFile(join(folder, 'ca.pem'), pem('CERTIFICATE', ca.certificate.der))
  for (const [index, { der }] of issued.entries()) await writeFile(names[index] ?? '', pem('CERTIFICATE', der))
  const time = String(NOW.getTime() / 1000)
  const words = ['verify', '-x509_strict', '-purpose', 'sslclient', '-attime', time, '-check_ss_sig']
  const chain = ['-CAfile', join(folder, 'root.pem'), '-untrusted', join(folder, 'ca.pem')]
  const text = await output('openssl', [...words, ...chain, ...names])
  expect(text.trim().split('\n')).toEqual(names.map((name) => `${name}: OK`))
}

describe.each(['P-256', 'P-384'] as const)('a CA on %s', (curve) => {
  test('issues certificates for requests that OpenSSL and lint accept', async () => {
    const scene = scenes[curve]
    const batches = batchesInThisThread(scene.issuer, PORTS)
    const csrs = [...(await registeredCsrs()), ...Array.from({ length: 30 }, () => deviceCsr())]
    const requests = accepted(await batches.check(csrs, POLICY))
    const issued = await batches.certify(requests, validityUnder(scene))
    await expectOpensslAccepts(issued, scene)
    const chain = [scene.root, scene.ca].flatMap(({ certificate }) => itemsOf(certificate.der))
    for (const [index, { der, serial }] of issued.entries()) {
      const certificate = readCertificate(der, 'it')
      expect(certificate.serialNumber.toString(16)).toBe(serial)
      expect(Buffer.from(certificate.subject.der)).toEqual(Buffer.from(requests[index]?.subject ?? []))
      expect(Buffer.from(certificate.spki)).toEqual(Buffer.from(requests[index]?.spki ?? []))
      expect(lint(itemsOf(der), chain, { factory: 'acme', now: NOW }).findings).toEqual([])
    }
    expect(new Set(issued.map(({ serial }) => serial)).size).toBe(csrs.length)
  })

  test('issues for keys that it made, in the form of lmp-device-register', async () => {
    const scene = scenes[curve]
    const batches = batchesInThisThread(scene.issuer, PORTS)
    const devices = [false, true].map((isProduction) => ({ uuid: randomUUID(), isProduction }))
    const made = await batches.makeKeys(devices)
    await expectOpensslAccepts(await batches.certify(made, validityUnder(scene)), scene)
    for (const [index, { uuid, isProduction }] of devices.entries()) {
      const { subject, spki, privateKeyPem } = made[index] ?? never()
      const production = isProduction ? ([[BUSINESS_CATEGORY, 'production']] as const) : []
      expect(Buffer.from(subject)).toEqual(subjectOf([CN, uuid], [OU, 'acme'], ...production))
      expect(privateKeyPem).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/)
      const publicKey = createPublicKey(createPrivateKey(privateKeyPem))
      expect(publicKey.export({ format: 'der', type: 'spki' })).toEqual(Buffer.from(spki))
    }
  })
})

const stringType = fc.constantFrom(UTF8, PRINTABLE)
const subject = fc
  .tuple(fc.uuid(), stringType, stringType, stringType, fc.boolean(), fc.boolean())
  .chain(([uuid, ofName, ofUnit, ofCategory, isProduction, isUpper]) => {
    const name = isUpper ? uuid.toUpperCase() : uuid
    const production = isProduction ? [[BUSINESS_CATEGORY, 'production', ofCategory] as const] : []
    const parts = [[CN, name, ofName] as const, [OU, 'acme', ofUnit] as const, ...production]
    return fc.shuffledSubarray(parts, { minLength: parts.length }).map((all) => subjectOf(...all))
  })
/** The CA is valid for ten years from 2026, or from 2045, so that dates before and after 2050 occur. */
const now = fc.date({
  min: new Date('2026-11-24T00:00:00Z'),
  max: new Date('2036-11-01T00:00:00Z'),
  noInvalidDate: true,
})

describe('equal to a certificate that is made the slow way, but for the signature', () => {
  test.each([
    ['P-256', 0],
    ['P-384', 0],
    ['P-256', 19],
  ] as const)('by a CA on %s, %i years from now', async (curve: Curve, years) => {
    const scene = years === 0 ? scenes[curve === 'P-384' ? 'P-384' : 'P-256'] : await laterScene(years)
    const property = fc.asyncProperty(subject, now, fc.integer({ min: 1, max: 4000 }), async (name, time, days) => {
      const then = new Date(time)
      then.setUTCFullYear(then.getUTCFullYear() + years)
      const validity = validityUnder(scene, { days }, then)
      const order = newOrder(name)
      const [issued] = await batchesInThisThread(scene.issuer, PORTS).certify([order], validity)
      if (issued === undefined) throw new Error('nothing was issued')
      const template = {
        ...{ role: 'a device', profile: DEVICE, validity, names: [], spki: order.spki },
        ...{ serialNumber: Buffer.from(issued.serial, 'hex'), issuer: scene.ca.certificate },
        subject: readName(parseDer(name)),
      }
      const slow = await signCertificate(template, scene.ca.signer)
      expect(parts(issued.der)).toEqual(parts(slow.der))
    })
    await fc.assert(property, { numRuns: 40 })
  })
})

describe('nothing is issued', () => {
  const certify = (scene: Scene, order = newOrder(), validity = validityUnder(scene)) =>
    batchesInThisThread(scene.issuer, PORTS).certify([newOrder(), order], validity)

  test.each([
    ['for a subject that is no device’s', newOrder(subjectOf([CN, 'fio-1'], [OU, 'acme']))],
    ['for another factory', newOrder(deviceSubject(randomUUID(), 'other'))],
    ['for a subject with trailing octets', newOrder(Buffer.concat([deviceSubject(), Buffer.of(5, 0)]))],
    ['for no subject', newOrder(Buffer.alloc(0))],
    ['for a key on P-384', { ...newOrder(), spki: newSigner('P-384').spki }],
    ['for a key with trailing octets', { ...newOrder(), spki: Buffer.concat([newSigner().spki, Buffer.of(0)]) }],
  ])('%s', async (_, order) => {
    await expect(certify(scenes['P-256'], order)).rejects.toMatchObject({ code: 'ERR_PROFILE' })
  })

  test('beyond the CA’s validity, or before it', async () => {
    const scene = scenes['P-256']
    const { notBefore, notAfter } = scene.ca.certificate
    const late = { notBefore, notAfter: new Date(notAfter.getTime() + 1000), capped: false }
    const early = { notBefore: new Date(notBefore.getTime() - 1000), notAfter, capped: false }
    await expect(certify(scene, newOrder(), late)).rejects.toMatchObject({ code: 'ERR_PROFILE' })
    await expect(certify(scene, newOrder(), early)).rejects.toMatchObject({ code: 'ERR_PROFILE' })
  })

  test('by another key than the CA’s', async () => {
    const scene = scenes['P-256']
    const key: BatchKey = { kind: 'file', privateKey: newKey().privateKey }
    const broken = { ...scene, issuer: { ...scene.issuer, key } }
    await expect(certify(broken)).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
  })

  test('by a certificate that is no CA’s', async () => {
    const scene = scenes['P-256']
    const [device] = await batchesInThisThread(scene.issuer, PORTS).certify([newOrder()], validityUnder(scene))
    const ca = readCertificate(device?.der ?? Buffer.of(), 'it')
    const broken = { ...scene, issuer: { ...scene.issuer, ca } }
    await expect(certify(broken)).rejects.toMatchObject({ code: 'ERR_PROFILE' })
  })
})

describe('with the key in a token', () => {
  test('signatures are in flight in every session, one in each, and certificates keep their order', async () => {
    const scene = scenes['P-256']
    const active = { now: 0, most: 0 }
    const session = () => {
      let isBusy = false
      return {
        ...scene.ca.signer,
        sign: async (data: Uint8Array) => {
          if (isBusy) throw new Error('two signatures at once in one session')
          isBusy = true
          active.most = Math.max(active.most, ++active.now)
          await new Promise((resolve) => setTimeout(resolve, 1))
          active.now--
          isBusy = false
          return scene.ca.signer.sign(unchecked(data))
        },
      }
    }
    const key: BatchKey = { kind: 'token', signers: [session(), session(), session()] }
    const batches = batchesInThisThread({ ...scene.issuer, key }, PORTS)
    const orders = Array.from({ length: 20 }, () => newOrder())
    const two = await Promise.all([1, 2].map(() => batches.certify(orders, validityUnder(scene))))
    for (const issued of two) {
      const subjects = issued.map(({ der }) => Buffer.from(readCertificate(der, 'it').subject.der))
      expect(subjects).toEqual(orders.map((order) => Buffer.from(order.subject)))
    }
    expect(active.most).toBe(3)
    await expectOpensslAccepts(two.flat(), scene)
  })

  test('the error of the token is passed on, and a wrong signature is refused', async () => {
    const scene = scenes['P-256']
    const orders = Array.from({ length: 5 }, () => newOrder())
    const certifyWith = (sign: typeof scene.ca.signer.sign) => {
      const key: BatchKey = { kind: 'token', signers: [{ ...scene.ca.signer, sign }] }
      return batchesInThisThread({ ...scene.issuer, key }, PORTS).certify(orders, validityUnder(scene))
    }
    const calls: number[] = []
    const failing = certifyWith(async () => {
      calls.push(1)
      throw new Error('the token was removed')
    })
    await expect(failing).rejects.toThrow('the token was removed')
    expect(calls).toEqual([1])
    const other = newSigner()
    await expect(certifyWith((data) => other.sign(data))).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
    await expect(certifyWith(async () => Buffer.alloc(0))).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
  })
})

/** A root and a CA that begin `years` later. */
async function laterScene(years: number): Promise<Scene> {
  const { issuer, ca } = scenes['P-256']
  const start = new Date(NOW)
  start.setUTCFullYear(start.getUTCFullYear() + years)
  const root = await newRoot({ now: start })
  const later = await newDeviceCa(root, { now: start }, ca.signer)
  return { root, ca: later, issuer: { ...issuer, ca: later.certificate } }
}

/** All but the signature. */
function parts(der: Uint8Array): readonly string[] {
  return [0, 1].map((index) => at(readTlv(der), index).der.toString('hex'))
}

function itemsOf(der: Uint8Array) {
  return readFileItems(der, 'it', null).items
}

function never(): never {
  throw new Error('nothing was made')
}

test('a key proves itself in a token, and only the one of the CA; a file is not asked', async () => {
  const { ca, issuer } = scenes['P-256']
  const proving = (key: BatchKey) => batchesInThisThread({ ...issuer, key }, PORTS).prove()
  await proving({ kind: 'token', signers: [ca.signer] })
  await proving(issuer.key)
  await expect(proving({ kind: 'token', signers: [newSigner()] })).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
})
