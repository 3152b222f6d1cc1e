import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ALL_DEVICES, type DeviceKey, type DeviceRegister, type ImportedKeys } from '../../src/devices/register.js'
import {
  CA,
  collect,
  commitOf,
  DAY,
  hold,
  importedOf,
  NOON,
  newCertificate,
  UNLIMITED,
  wordsOf,
} from './register-scene.js'

const keysOf = (keys: readonly DeviceKey[], other: Partial<ImportedKeys> = {}): ImportedKeys => ({
  line: 'east',
  ca: CA,
  at: NOON,
  notAfter: NOON + 365 * DAY,
  keys,
  ...other,
})
const newKey = (): DeviceKey => ({ uuid: randomUUID(), keyHash: randomBytes(32) })

/** What every register does with devices of which only the keys are left. */
export function externalContractOf(register: () => DeviceRegister): void {
  describe('devices that another service registered', () => {
    const east = () => register().lines.create('east', { ...UNLIMITED, quota: 1 }, NOON)

    test('they are in use, have no certificate, and take nothing of the quota; importing them again changes nothing', async () => {
      await east()
      const keys = Array.from({ length: 300 }, newKey)
      expect(wordsOf(await register().importKeys(keysOf(keys)))).toEqual(keys.map(() => 'imported'))
      expect(wordsOf(await register().importKeys(keysOf(keys, { at: NOON + DAY })))).toEqual(keys.map(() => 'existing'))
      const [first] = keys
      expect(await register().device(first?.uuid ?? '')).toEqual({
        ...{ uuid: first?.uuid, name: first?.uuid, line: 'east', ca: CA, state: 'external', certificates: [] },
        ...{ group: null, hardwareId: null, serialNumber: null, isProduction: false, credential: null },
        ...{ createdAt: NOON, issuedAt: NOON, notAfter: NOON + 365 * DAY, denied: null },
      })
      expect(await register().count({ ...ALL_DEVICES, state: 'external' })).toEqual({ devices: 300, production: 0 })
      expect(await collect(register().certificates(ALL_DEVICES))).toEqual([])
      expect(await register().lines.get('east')).toMatchObject({ issued: 0 })
      expect(await register().head()).toMatchObject({ certificates: 0 })
    })

    test('a device gets a certificate for its own key at any time, and for no other', async () => {
      await east()
      const [key, other] = [newKey(), newKey()]
      await register().importKeys(keysOf([key]))
      const commit = (certificate: DeviceKey, at: number) =>
        register().commit(commitOf([newCertificate(certificate)], { line: 'east', at }))
      expect(wordsOf(await commit({ ...key, keyHash: other.keyHash }, NOON))).toEqual(['uuid-taken'])
      expect(wordsOf(await commit({ ...key, uuid: other.uuid }, NOON))).toEqual(['key-reused'])
      expect(await register().device(key.uuid)).toMatchObject({ state: 'external' })
      expect(wordsOf(await commit(key, NOON + 100 * DAY))).toEqual(['committed'])
      expect(await register().device(key.uuid)).toMatchObject({ state: 'active', issuedAt: NOON + 100 * DAY })
      expect(wordsOf(await commit(key, NOON + 101 * DAY))).toEqual(['existing'])
      expect(wordsOf(await register().importKeys(keysOf([key])))).toEqual(['existing'])
      expect(await register().lines.get('east')).toMatchObject({ issued: 0 })
    })

    test('what contradicts the register, or itself, is refused', async () => {
      await east()
      const [key, other, third] = [newKey(), newKey(), newKey()]
      await register().importCertificates([importedOf(newCertificate(key), { line: 'east' })])
      const keys = [
        key,
        { ...key, keyHash: other.keyHash },
        { ...other, keyHash: key.keyHash },
        third,
        third,
        { ...third, keyHash: randomBytes(32) },
        { ...newKey(), keyHash: third.keyHash },
      ]
      expect(wordsOf(await register().importKeys(keysOf(keys)))).toEqual([
        ...['existing', 'uuid-taken', 'key-reused'],
        ...['imported', 'existing', 'uuid-taken', 'key-reused'],
      ])
      const elsewhere = keysOf([{ ...key, keyHash: randomBytes(32) }], { line: 'default' })
      expect(wordsOf(await register().importKeys(elsewhere))).toEqual(['uuid-taken'])
    })

    test('a denied one gets nothing, and is external again when it is allowed', async () => {
      await east()
      const key = newKey()
      await register().importKeys(keysOf([key]))
      expect(await register().deny([key.uuid], hold(NOON))).toEqual([key.uuid])
      const commit = () => register().commit(commitOf([newCertificate(key)], { line: 'east' }))
      expect(wordsOf(await commit())).toEqual(['denied'])
      expect(await register().allow([key.uuid], { at: NOON, announce: false })).toEqual([key.uuid])
      expect(await register().device(key.uuid)).toMatchObject({ state: 'external' })
      await register().abandon([key.uuid], NOON)
      expect(await register().device(key.uuid)).toMatchObject({ state: 'external' })
      expect(wordsOf(await commit())).toEqual(['committed'])
    })

    test('two imports at once record each device once', async () => {
      await east()
      const keys = Array.from({ length: 40 }, newKey)
      const both = await Promise.all([register().importKeys(keysOf(keys)), register().importKeys(keysOf(keys))])
      expect(wordsOf(both.flat()).toSorted()).toEqual([...keys.map(() => 'existing'), ...keys.map(() => 'imported')])
    })
  })
}
