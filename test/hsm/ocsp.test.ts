import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openBatchKey } from '../../src/keystore/ca-key.js'
import type { KeyAccess } from '../../src/keystore/root-key.js'
import { thisMachine } from '../../src/machine/index.js'
import { findDeviceIssuer } from '../../src/operations/devices/open-issuer.js'
import { openPki } from '../../src/operations/open-pki.js'
import { provesPossession } from '../../src/pki/possession.js'
import { madeIn } from '../cli/made.js'
import { ocspScene } from '../operations/ocsp/scene.js'
import { choiceOf, homeWith, LOGIN, softHsm } from '../support/token.js'

const DAY = 24 * 3_600_000

test('a CA with its key in a token delegates, beside a service that has the same token open', async () => {
  const token = await softHsm()
  choiceOf(token)
  const home = await homeWith(token)
  const directory = join(home.path, 'acme')
  const create = ['ca', 'create', directory, ...token.flags, '--local-ca-in-hsm', '--quiet']
  expect(await home.fpki(create)).toMatchObject({ status: 0 })
  let asked = 0
  const pin = (label: string) => {
    asked++
    return LOGIN.pin(label)
  }
  const root = { kind: 'recorded', module: null } as const
  const access: KeyAccess = { root, note: () => undefined, warn: () => undefined, login: { ...LOGIN, pin } }
  const pki = await openPki(thisMachine().files, directory, null)
  const { ca, key } = await findDeviceIssuer(pki, { file: null, bound: null }, new Date())
  const choice = { directory: pki.directory, key, certified: ca.spki, sessions: 2 }
  const registration = await openBatchKey(choice, access)
  onTestFinished(() => registration.close())
  const signs = async () => {
    if (registration.key.kind !== 'token') throw new Error('the key is in a token')
    return Promise.all(registration.key.signers.map((signer) => provesPossession(signer, ca.spki)))
  }

  const scene = await ocspScene({ pki: madeIn(home), ports: { access } })
  const request = await scene.request(scene.certificate())
  expect(await scene.read(request, (await scene.service.answer(request)).der)).toContain('Response verify OK')
  expect(await signs()).toEqual([true, true])
  scene.later(25 * DAY)
  await scene.service.answer(request)
  await expect.poll(() => scene.notes.length).toBe(1)
  expect(await signs()).toEqual([true, true])
  // Once for each service: nobody is at the terminal when the certificate is renewed.
  expect(asked).toBe(2)
})
