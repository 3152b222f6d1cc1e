import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { batchesInThisThread } from '../../src/issuance/device-batch/in-this-thread.js'
import { batchesInThreads } from '../../src/issuance/device-batch/in-threads.js'
import { openTokenSessions } from '../../src/keystore/token-keys.js'
import { waitOrAbort } from '../../src/machine/index.js'
import { lastingBatches } from '../../src/operations/registration/lasting-batches.js'
import { readCertificate } from '../../src/pki/read-certificate.js'
import type { Cryptoki } from '../../src/signer/pkcs11/cryptoki.js'
import { requireKey } from '../../src/signer/pkcs11/key.js'
import { generateKey } from '../../src/signer/pkcs11/make-key.js'
import { pkcs11js } from '../../src/signer/pkcs11/module.js'
import { openToken } from '../../src/signer/pkcs11/session.js'
import { tokenSigner } from '../../src/signer/pkcs11/signer.js'
import { accepted, deviceCsr, newOrder, PORTS, validityUnder } from '../issuance/device-batch/batch-scene.js'
import { differing } from '../support/cryptoki.js'
import { FACTORY, NOW, newDeviceCa, newRoot, newSigner } from '../support/issue.js'
import { choiceOf, LOGIN, softHsm, TOKENS } from '../support/token.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/device-batch/device-batch-thread.js', import.meta.url))
const SILENT = { note: () => undefined, warn: () => undefined, login: LOGIN }

describe.each(TOKENS)('a device CA whose key is in %s', (_, newToken) => {
  test('issues in several sessions and worker threads', async () => {
    const choice = choiceOf(await newToken())
    const token = await openToken(choice, LOGIN, SILENT)
    generateKey(token, { label: 'root-ca', id: '01' }, 'P-256')
    const root = await newRoot()
    const ca = await newDeviceCa(root, {}, tokenSigner(token, requireKey(token, choice.key), null))
    token.close()

    const { make, calls } = differing()
    const { spki } = ca.certificate
    const sessions = await openTokenSessions(choice, spki, 4, { ...SILENT, makeCryptoki: make })
    expect(sessions.signers).toHaveLength(4)
    const key = { kind: 'token', signers: sessions.signers } as const
    const issuer = { factory: FACTORY, ca: ca.certificate, key }
    const batches = batchesInThreads(issuer, { threads: 2, program: PROGRAM }, PORTS)
    onTestFinished(() => batches.close())
    const csrs = Array.from({ length: 100 }, () => deviceCsr())
    const requests = accepted(await batches.check(csrs, { allowsProduction: false }))
    const validity = validityUnder({ root, ca, issuer })
    const here = batchesInThisThread(issuer, PORTS)
    const issued = [...(await batches.certify(requests, validity)), ...(await here.certify(requests, validity))]
    for (const [index, { der }] of issued.entries()) {
      const { x509, subject } = readCertificate(der, 'it')
      expect(x509.verify(ca.certificate.x509.publicKey)).toBe(true)
      expect(Buffer.from(subject.der)).toEqual(Buffer.from(requests[index % 100]?.subject ?? []))
    }
    await batches.prove()
    await here.prove()
    await sessions.close()
    const count = (name: string) => calls.filter((call) => call.startsWith(name)).length
    expect([count('C_OpenSession'), count('C_Login'), count('C_Finalize')]).toEqual([4, 1, 1])
    await expect(here.certify([newOrder()], validity)).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
    await expect(batches.prove()).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })

    const stranger = newSigner().spki
    await expect(openTokenSessions(choice, stranger, 2, SILENT)).rejects.toMatchObject({ code: 'ERR_HSM_KEY' })
  })
})

test('a token with few sessions signs in those that it has', async () => {
  const choice = choiceOf(await softHsm())
  const token = await openToken(choice, LOGIN, SILENT)
  const { spki } = tokenSigner(token, generateKey(token, { label: 'root-ca', id: '01' }, 'P-256'), null)
  token.close()
  const makeCryptoki = async () => {
    const real = await pkcs11js()
    let opened = 0
    const openSession: Cryptoki['C_OpenSession'] = (slot, flags) => {
      if (++opened > 2) throw new Error('CKR_SESSION_COUNT:177')
      return real.C_OpenSession(slot, flags)
    }
    return new Proxy(real, {
      get: (target, name: keyof Cryptoki) =>
        name === 'C_OpenSession' ? openSession : (target[name]?.bind(target) ?? undefined),
    })
  }
  const sessions = await openTokenSessions(choice, spki, 4, { ...SILENT, makeCryptoki })
  expect(sessions.signers).toHaveLength(2)
  await sessions.close()
})

test('a token that was unplugged signs again once it is back, with the same PIN', async () => {
  const choice = choiceOf(await softHsm())
  const token = await openToken(choice, LOGIN, SILENT)
  const root = await newRoot()
  generateKey(token, { label: 'root-ca', id: '01' }, 'P-256')
  const ca = await newDeviceCa(root, {}, tokenSigner(token, requireKey(token, choice.key), null))
  token.close()
  let isUnplugged = false
  const makeCryptoki = async () => {
    const real = await pkcs11js()
    const signInit: Cryptoki['C_SignInit'] = (...words) => {
      if (isUnplugged) throw new Error('CKR_DEVICE_REMOVED:50')
      return real.C_SignInit(...words)
    }
    return new Proxy(real, {
      get: (target, name: keyof Cryptoki) =>
        name === 'C_SignInit' ? signInit : (target[name]?.bind(target) ?? undefined),
    })
  }
  let now = NOW.getTime()
  const open = async () => {
    const sessions = await openTokenSessions(choice, ca.certificate.spki, 2, { ...SILENT, makeCryptoki })
    const key = { kind: 'token', signers: sessions.signers } as const
    return {
      ...batchesInThisThread({ factory: FACTORY, ca: ca.certificate, key }, PORTS),
      close: () => sessions.close(),
    }
  }
  const progress = { ...SILENT, step: () => undefined }
  const batches = await lastingBatches(
    { name: 'the CA', open },
    { clock: () => new Date(now), progress, wait: waitOrAbort },
  )
  onTestFinished(() => batches.close())
  const later = async () => {
    now += 6000
    await batches.requireKey()
  }
  await later()
  isUnplugged = true
  await expect(later()).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
  await expect(later()).rejects.toMatchObject({ code: 'ERR_HSM_TOKEN' })
  isUnplugged = false
  await later()
})
