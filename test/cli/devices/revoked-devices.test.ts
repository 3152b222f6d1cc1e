import { chmod, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { changeDeviceCasResult } from '../../../src/operations/device-cas/change-device-cas.js'
import { fingerprintOfFile, recordDevices, uuidNumber, withRegister } from '../../support/device-register.js'
import { pkiWithThreeCas } from '../device-cas.js'

/** A PKI with online-ca, local-ca, which issued three devices, and site-b, which issued one. */
async function scene() {
  const pki = await pkiWithThreeCas()
  const { directory, home } = pki
  const numbers = [1, 2, 3, 4].map((number) => ({ uuid: uuidNumber(number), isProduction: number === 1 }))
  await recordDevices(directory, numbers)
  await withRegister(directory, (register) => register.abandon([uuidNumber(4)], Date.now()))
  await recordDevices(directory, [{ uuid: uuidNumber(5) }], { ca: await fingerprintOfFile(directory, 'site-b.pem') })
  const change = (action: string, file: string, ...words: readonly string[]) =>
    home.fpki(['ca', `${action}-device-ca`, directory, '--ca-file', file, '--yes', ...words])
  const counted = async (action: string, file: string, ...words: readonly string[]) => {
    const { stdout } = await change(action, file, '--json', ...words)
    return changeDeviceCasResult
      .parse(JSON.parse(stdout))
      .deviceCas.map(({ devices, productionDevices }) => [devices, productionDevices])
  }
  return { ...pki, change, counted }
}

test('revoking or disabling a CA says how many devices stop working, before anything is signed', async () => {
  const { change, counted, home, directory } = await scene()
  const disabled = await change('disable', 'local-ca')
  expect(disabled).toMatchObject({ status: 0 })
  expect(disabled.stderr).toContain(
    'note: 3 devices of local-ca (local-ca.pem) in the device register will stop working, 1 of them in production.',
  )
  const enabled = await change('enable', 'local-ca')
  expect(enabled.stderr).toContain('3 devices of local-ca (local-ca.pem) in the device register will work again')
  expect(await counted('disable', 'local-ca', '--dry-run')).toEqual([[3, 1]])
  expect(await counted('revoke', 'site-b')).toEqual([[1, 0]])
  expect(await counted('disable', 'local-ca')).toEqual([[3, 1]])
  expect(await counted('disable', 'local-ca')).toEqual([[3, 1]])
  const words = ['ca', 'revoke-device-ca', directory, '--ca-file', 'local-ca', '--ca-file', 'online-crt']
  const refused = await home.fpki(words)
  expect(refused).toMatchObject({ status: 3 })
  expect(refused.stderr).toContain('3 devices of local-ca')
})

test('nothing is said of online-ca, whose devices are registered elsewhere, or without a register', async () => {
  const pki = await scene()
  expect((await pki.change('disable', 'online-crt')).stderr).not.toContain('device register')
  expect(await pki.counted('enable', 'online-crt')).toEqual([[null, null]])
  const { home, directory } = await pkiWithThreeCas()
  const { stdout, stderr } = await home.fpki(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ deviceCas: [{ devices: null, productionDevices: null }] })
  expect(stderr).not.toContain('register')
})

test('a register that cannot be read does not stop a revocation', async () => {
  const { home, directory } = await pkiWithThreeCas()
  await writeFile(`${directory}/devices.sqlite`, 'not a database'.repeat(1000), { mode: 0o600 })
  await chmod(`${directory}/devices.sqlite`, 0o600)
  const { status, stderr } = await home.fpki(['ca', 'disable-device-ca', directory, '--ca-file', 'site-b'])
  expect(status).toBe(0)
  expect(stderr).toContain('warning: The devices of the CA were not counted: ')
})
