import { X509Certificate } from 'node:crypto'
import { expect } from 'vitest'
import type { KeyAccess } from '../../src/keystore/root-key.js'
import { type CreatePkiResult, createPki } from '../../src/operations/create/create-pki.js'
import type { HsmChoice } from '../../src/ports.js'
import { CKA, CKO, type Cryptoki, type CryptokiMaker } from '../../src/signer/pkcs11/cryptoki.js'
import { attribute, findKey } from '../../src/signer/pkcs11/key.js'
import { pkcs11js } from '../../src/signer/pkcs11/module.js'
import { type OpenToken, openToken } from '../../src/signer/pkcs11/session.js'
import { DIRECTORY, type Disturbance, machineOn, SILENT } from './create-scene.js'
import type { MemoryDisk } from './memory-disk.js'
import { LOGIN } from './token.js'

/** How to get to the root key in the token that a directory records. */
export const TOKEN_ACCESS: KeyAccess = { root: { kind: 'recorded', module: null }, login: LOGIN, ...SILENT }

/** What changes a token, or uses a key of it. */
const WORK: readonly (keyof Cryptoki)[] = ['C_GenerateKeyPair', 'C_CreateObject', 'C_DestroyObject', 'C_Sign']

/** A real module whose work goes through the hooks of a disturbance, as each step on the disk does. */
export function hookedCryptoki({ disk }: Disturbance): CryptokiMaker {
  return async () => {
    const real = await pkcs11js()
    return new Proxy(real, {
      get: (target, name: keyof Cryptoki) => {
        const call = target[name]?.bind(target) as ((...words: unknown[]) => unknown) | undefined
        if (call === undefined || !WORK.includes(name)) return call
        return (...words: unknown[]) => {
          disk?.before?.(name, 'token')
          const done = call(...words)
          disk?.after?.(name, 'token')
          return done
        }
      },
    })
  }
}

/** Runs `ca create` for the factory acme, with both keys in a token. */
export function createInToken(
  disk: MemoryDisk,
  hsm: HsmChoice,
  disturbance: Disturbance = {},
): Promise<CreatePkiResult> {
  const root = { kind: 'new-token', hsm } as const
  const localCa = { kind: 'token' } as const
  const options = { directory: DIRECTORY, factory: 'acme', onlineCa: true, tlsNames: [], root, localCa }
  return createPki(
    options,
    machineOn(disk, { ...disturbance, login: LOGIN, makeCryptoki: hookedCryptoki(disturbance) }),
  )
}

async function inToken<T>(choice: HsmChoice, work: (token: OpenToken) => T): Promise<T> {
  const token = await openToken(choice, LOGIN, SILENT)
  try {
    return work(token)
  } finally {
    token.close()
  }
}

function handlesIn({ cryptoki, session }: OpenToken): readonly Buffer[] {
  cryptoki.C_FindObjectsInit(session, [])
  const handles = cryptoki.C_FindObjects(session, 100)
  cryptoki.C_FindObjectsFinal(session)
  return handles
}

const KEYS = [
  { label: 'root-ca', id: '01' },
  { label: 'local-ca', id: '02' },
]

/** All that is in a token: `2 root-ca` for a public half, `3 root-ca` for a private one, sorted; and its keys (hex). */
export function whatIsIn(choice: HsmChoice): Promise<{ objects: readonly string[]; keys: readonly string[] }> {
  return inToken(choice, (token) => {
    const objects = handlesIn(token).map((handle) => {
      const objectClass = attribute(token, handle, CKA.class)?.readUInt8() ?? 0
      return `${objectClass} ${attribute(token, handle, CKA.label)}`
    })
    const keys = KEYS.flatMap((key) => {
      const { spki = null } = objects.includes(`${CKO.privateKey} ${key.label}`) ? (findKey(token, key) ?? {}) : {}
      return spki === null ? [] : [Buffer.from(spki).toString('hex')]
    })
    return { objects: objects.sort(), keys }
  })
}

/** Removes all that is in a token, so that the next one need not be made. */
export function emptyToken(choice: HsmChoice): Promise<void> {
  return inToken(choice, (token) => {
    for (const handle of handlesIn(token)) token.cryptoki.C_DestroyObject(token.session, handle)
  })
}

/** The certificate of the root on a disk is that of one of these keys. */
export function expectRootOf(keys: readonly string[], disk: MemoryDisk): void {
  const pem = disk.contents().get(`${DIRECTORY}/factory_ca.pem`)?.text ?? ''
  const spki = new X509Certificate(pem).publicKey.export({ format: 'der', type: 'spki' })
  expect(keys).toContain(spki.toString('hex'))
}
