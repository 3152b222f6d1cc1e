import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { newAccessToken } from '../../../src/access-token.js'
import type { ListedDevice, NewToken } from '../../../src/devices/credential-store.js'
import type { LineSettings } from '../../../src/devices/register.js'
import { batchesInThisThread } from '../../../src/issuance/device-batch/in-this-thread.js'
import { thisMachine, waitOrAbort } from '../../../src/machine/index.js'
import type {
  Caller,
  RegistrationOutcome,
  RegistrationRequest,
  RegistrationService,
} from '../../../src/operations/registration/model.js'
import {
  openRegistration,
  type RegistrationOptions,
  type RegistrationPorts,
} from '../../../src/operations/registration/open-registration.js'
import { copiedPki, type Made } from '../../cli/made.js'
import { UNLIMITED, withRegister } from '../../support/device-register.js'
import { deviceCsr } from '../../support/device-requests.js'
import { quickLocks } from '../../support/quick-locks.js'

/** A PKI with the line `line-1`, whose devices register themselves. */
export interface RegistrationScene extends Made {
  /** Everything that the services have warned of. */
  readonly warnings: string[]
  /** Creates a line; what is left out has no limit. */
  line(name: string, settings?: Partial<LineSettings>): Promise<void>
  /** Creates a token, and resolves to its text. */
  token(settings?: Partial<NewToken>, list?: readonly ListedDevice[] | null): Promise<string>
  /** The options and ports of a service. */
  options(changes?: Partial<RegistrationOptions>): RegistrationOptions
  ports(changes?: Partial<RegistrationPorts>): RegistrationPorts
  /** Does something with a service, which is closed then. */
  serve<T>(
    work: (service: RegistrationService) => Promise<T>,
    changes?: { readonly options?: Partial<RegistrationOptions>; readonly ports?: Partial<RegistrationPorts> },
  ): Promise<T>
}

const GATEWAY = 'https://gw.acme.example:8443'
const OSTREE = 'https://ostree.acme.example:8443'

export async function registrationScene(pki?: Made): Promise<RegistrationScene> {
  const made = pki ?? (await copiedPki())
  const { directory } = made
  const warnings: string[] = []
  const machine = thisMachine(quickLocks())
  const line = (name: string, settings: Partial<LineSettings> = {}) =>
    withRegister(directory, async ({ lines }) => {
      await lines.create(name, { ...UNLIMITED, ...settings }, Date.now())
    })
  await line('line-1')
  const scene: RegistrationScene = {
    ...made,
    warnings,
    line,
    token: async (settings = {}, list = null) => {
      const { text, token } = newToken(settings)
      await withRegister(directory, ({ credentials }) => credentials.createToken(token, list))
      return text
    },
    options: (changes = {}) => ({
      ...{ directory, factory: null, store: null, line: null, gateway: GATEWAY, ostree: OSTREE },
      ...{ cloud: 'off', days: null, hsmSessions: 1, ...changes },
    }),
    ports: (changes = {}) => ({
      ...machine,
      progress: { step: () => undefined, note: () => undefined, warn: (text) => warnings.push(text) },
      wait: waitOrAbort,
      newBatches: (issuer) => batchesInThisThread(issuer, machine),
      ...changes,
    }),
    serve: async (work, { options, ports } = {}) => {
      const service = await openRegistration(scene.options(options), scene.ports(ports))
      try {
        return await work(service)
      } finally {
        await service.close()
      }
    },
  }
  return scene
}

/** A token, and what is recorded of it. */
export function newToken(settings: Partial<NewToken> = {}): { readonly text: string; readonly token: NewToken } {
  const { id, text, hash } = newAccessToken(thisMachine().random)
  const limits = { uses: null, uuid: null, createdAt: Date.now(), expiresAt: null }
  return {
    text,
    token: { id, hash, line: 'line-1', ...limits, ...settings },
  }
}

/** Who a token makes of its bearer. */
export async function callerWith(service: RegistrationService, token: string): Promise<Caller> {
  const caller = await service.authenticate({ kind: 'token', token })
  expect(caller).not.toBeNull()
  return caller ?? Promise.reject(new Error('not authenticated'))
}

/** The request of a device, as lmp-device-register sends it; everything may be replaced. */
export function registration(
  changes: Partial<RegistrationRequest> = {},
): RegistrationRequest & { readonly uuid: string } {
  const uuid = changes.uuid ?? randomUUID()
  return {
    ...{ csr: deviceCsr({ uuid }).pem, name: uuid, hardwareId: 'board', group: null },
    ...{ usesOstree: true, configDirectory: '/var/sota', overrides: {}, ...changes, uuid },
  }
}

/** What became of a registration, in a word: its kind, or the code of its refusal. */
export function word(outcome: RegistrationOutcome): string {
  return outcome.kind === 'refused' ? outcome.code : outcome.kind
}
