import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { KeyAccess } from '../../src/keystore/root-key.js'
import { serviceMachine } from '../../src/machine/devices.js'
import { thisMachine } from '../../src/machine/index.js'
import type { RegistrationPorts } from '../../src/operations/registration/options.js'
import { madeIn } from '../cli/made.js'
import { registrationScene } from '../operations/registration/scene.js'
import { realService } from '../server/registration/real-scene.js'
import { output } from '../support/cli.js'
import { withRegister } from '../support/device-register.js'
import { deviceCsr } from '../support/device-requests.js'
import { ALL_POINTS } from '../support/points.js'
import { choiceOf, homeWith, LOGIN, softHsm } from '../support/token.js'

const PROGRAM = fileURLToPath(new URL('../../dist/cli/device-batch/device-batch-thread.js', import.meta.url))

function threads() {
  const { signal } = new AbortController()
  return serviceMachine(thisMachine(), { program: PROGRAM, signal, threads: 2 }).newBatches
}

/** A service whose CA has its key in a SoftHSM token. */
async function scene(newBatches: RegistrationPorts['newBatches'] | undefined) {
  const token = await softHsm()
  // SoftHSM reads its configuration from the environment of this process.
  choiceOf(token)
  const home = await homeWith(token)
  const directory = join(home.path, 'acme')
  const create = ['ca', 'create', directory, ...token.flags, '--local-ca-in-hsm', '--quiet']
  expect(await home.fpki(create)).toMatchObject({ status: 0 })
  const asked: string[] = []
  const login = {
    ...LOGIN,
    pin: (label: string) => {
      asked.push(label)
      return LOGIN.pin(label)
    },
  }
  const access: KeyAccess = {
    ...{ root: { kind: 'recorded', module: null }, note: () => undefined, warn: () => undefined, login },
  }
  const made = await registrationScene(madeIn(home))
  const lineToken = await made.token()
  const ports = { access, ...(newBatches === undefined ? {} : { newBatches }) }
  const service = await realService(made, new Date(), { options: { hsmSessions: 2 }, ports })
  return { token, directory, lineToken, service, asked, warnings: made.warnings }
}

const WAYS: readonly (readonly [string, () => RegistrationPorts['newBatches'] | undefined])[] = [
  ['with worker threads', threads],
  ['in this thread', () => undefined],
]

test.each(ALL_POINTS ? WAYS : WAYS.slice(0, 1))(
  'a CA with its key in a token registers devices %s, and pings fail while the token is unplugged',
  async (_, make) => {
    const { token, directory, lineToken, service, asked, warnings } = await scene(make())
    const device = deviceCsr()
    const issued = await service.register(lineToken, device)
    expect(issued.status).toBe(201)
    const leaf = join(directory, '..', 'leaf.pem')
    await writeFile(leaf, JSON.parse(issued.text)['client.pem'])
    const trust = ['-CAfile', join(directory, 'factory_ca.pem'), '-untrusted', join(directory, 'local-ca.pem')]
    const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', ...trust, leaf]
    expect(await output('openssl', verify)).toBe(`${leaf}: OK\n`)
    service.later(4000)
    expect((await service.get('/sign')).status).toBe(200)

    const elsewhere = `${token.folder}-unplugged`
    await rename(token.folder, elsewhere)
    let isAway = true
    onTestFinished(async () => {
      if (isAway) await rename(elsewhere, token.folder)
    })
    service.later(4000)
    const ping = await service.get('/sign')
    expect({ status: ping.status, ...JSON.parse(ping.text) }).toEqual({
      ...{ status: 503, message: 'the key of the device CA local-ca.pem is not available' },
    })
    const other = deviceCsr()
    const refused = await service.register(lineToken, other)
    expect({ status: refused.status, ...JSON.parse(refused.text) }).toEqual({
      ...{ status: 503, message: 'the key of the device CA is not available' },
    })
    expect(await withRegister(directory, (register) => register.device(other.uuid))).toBeNull()
    // It is opened again after some seconds, and is still away.
    service.later(6000)
    expect((await service.get('/readyz')).status).toBe(503)

    await rename(elsewhere, token.folder)
    isAway = false
    service.later(6000)
    expect((await service.get('/sign')).status).toBe(200)
    expect((await service.register(lineToken, other)).status).toBe(201)
    // Nobody is at the terminal.
    expect(asked).toHaveLength(1)
    expect(warnings.filter((text) => text.includes('cannot sign now'))).toHaveLength(1)
  },
)
