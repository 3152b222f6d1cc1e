import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { embeddedFactoryOn, thisMachine } from '../../../src/machine/index.js'
import { changeDeviceCas } from '../../../src/operations/device-cas/change-device-cas.js'
import { updateDeviceCas } from '../../../src/operations/device-cas/update-device-cas.js'
import { readPemCertificate } from '../../../src/pki/read-certificate.js'
import { copiedPki, type Made } from '../../cli/made.js'

const { signal } = new AbortController()
const progress = { step: () => undefined, note: () => undefined, warn: () => undefined }

async function scene(made: Made) {
  const machine = thisMachine()
  const api = embeddedFactoryOn({ stateDirectory: made.home.state, factory: 'acme' }, { ...machine, signal })
  const online = readPemCertificate(await made.text('online-crt'), 'online-crt').serialNumber.toString()
  const local = readPemCertificate(await made.text('local-ca.pem'), 'local-ca.pem').serialNumber.toString()
  const revoke = (serial: string) =>
    made.home.fpki(['ca', 'revoke-device-ca', made.directory, '--factory', 'acme', '--ca-serial', serial, '--yes'])
  return { machine, api, online, local, revoke }
}

it('does not revoke the last device CA when the confirmation was for another state', async () => {
  const made = await copiedPki()
  const { machine, api, online, local, revoke } = await scene(made)
  const options = { directory: made.directory, factory: 'acme', action: 'revoke', dryRun: false } as const
  const confirm = async () => {
    expect((await revoke(online)).status).toBe(0)
  }
  const ended = changeDeviceCas(
    { ...options, caFiles: [], caSerials: [local] },
    { ...machine, api, progress, signal, confirm },
  )
  await expect(ended).rejects.toThrow('No device CA will be left')
  const { caCrt } = JSON.parse(await readFile(made.stateFile, 'utf8')).certificates
  expect(caCrt.trim()).toBe((await made.text('local-ca.pem')).trim())
})

it('does not replace a list of device CAs that has changed since the confirmation', async () => {
  const made = await copiedPki()
  const { machine, api } = await scene(made)
  const before = await made.text('local-ca.pem')
  const confirm = async () => {
    const added = ['ca', 'add-device-ca', made.directory, '--factory', 'acme', '--local-ca']
    expect((await made.home.fpki([...added, '--local-ca-filename', 'site-b'])).status).toBe(0)
  }
  const ended = updateDeviceCas({ factory: 'acme', text: before, what: 'cas.pem' }, { ...machine, api, confirm })
  await expect(ended).rejects.toThrow('have changed since the confirmation')
  const { caCrt } = JSON.parse(await readFile(made.stateFile, 'utf8')).certificates
  expect(caCrt).toContain((await made.text('site-b.pem')).trim())
})
