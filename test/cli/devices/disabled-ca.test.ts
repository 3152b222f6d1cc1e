import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pkiStatusResult } from '../../../src/operations/audit/status-report.js'
import { showPkiResult } from '../../../src/operations/show/show-pki.js'
import { deviceCsr } from '../../support/device-requests.js'
import { pkiWithThreeCas } from '../device-cas.js'
import { editCertificates } from '../made.js'
import { expectWords } from '../refusal.js'
import { issueScene } from './scene.js'

const DISABLED = { status: 3, code: 'ERR_NOT_A_DEVICE_CA', names: ['site-b.pem is disabled: gateways reject'] }

async function scene() {
  const pki = await pkiWithThreeCas()
  const { home, directory, siteB } = pki
  const scene = await issueScene(pki)
  const json = async (...words: readonly string[]) => JSON.parse((await home.fpki([...words, '--json'])).stdout)
  return {
    ...pki,
    siteB,
    change: (action: string) => home.fpki(['ca', `${action}-device-ca`, directory, '--ca-file', 'site-b', '--yes']),
    issue: () => scene.issue([{ csr: deviceCsr().pem }], ['--ca', 'site-b']),
    disabledIn: async () => {
      const shown = showPkiResult.parse(await json('ca', 'show'))
      const status = pkiStatusResult.parse(await json('ca', 'status', directory))
      const serials = (all: readonly { readonly disabled: boolean; readonly serial: string }[] = []) =>
        all.filter(({ disabled }) => disabled).map(({ serial }) => serial)
      return { show: serials(shown.deviceCas), status: serials(status.pkis[0]?.certificates) }
    },
  }
}

test('a disabled device CA signs nothing offline until it is enabled', async () => {
  const { home, change, issue, disabledIn, siteB, directory } = await scene()
  expect(await change('disable')).toMatchObject({ status: 0 })
  expect(await disabledIn()).toEqual({ show: [siteB], status: [siteB] })
  const refused = await issue()
  expectWords(refused, DISABLED)
  const line = ['lines', 'create', directory, 'second', '--ca', 'site-b']
  expectWords(await home.fpki(line), DISABLED)
  const kit = ['ca', 'export-kit', directory, join(home.path, 'kit'), '--ca', 'site-b']
  expectWords(await home.fpki(kit), DISABLED)
  const [, hint = ''] = /enable this one with `fpki ([^`]*)`/.exec(refused.stderr) ?? []
  expect(await home.fpki(hint.split(' '))).toMatchObject({ status: 0 })
  expect(await disabledIn()).toEqual({ show: [], status: [] })
  expect(await issue()).toMatchObject({ status: 0 })
})

test('a device CA that was disabled and then revoked is revoked', async () => {
  const { change, issue } = await scene()
  await change('disable')
  expect(await change('revoke')).toMatchObject({ status: 0 })
  expectWords(await issue(), { ...DISABLED, names: ['site-b.pem is revoked: gateways reject'] })
})

test('what another program has disabled or enabled is recorded when fpki finds it so', async () => {
  const pki = await scene()
  const { change, issue, siteB } = pki
  await editCertificates(pki, { disabledCaSerials: [siteB] })
  expect((await change('disable')).stdout + (await issue()).stderr).toContain('site-b.pem is disabled')
  await editCertificates(pki, { disabledCaSerials: [] })
  expect(await change('enable')).toMatchObject({ status: 0 })
  expect(await issue()).toMatchObject({ status: 0 })
})

test('another change keeps the record, and history shows it', async () => {
  const { change, issue, home, directory, siteB } = await scene()
  await change('disable')
  expect((await home.fpki(['ca', 'diff', directory, '1'])).stdout).toContain(
    `disabled: site-b.pem, serial ${hexOf(siteB)}`,
  )
  expect(await home.fpki(['ca', 'rotate-tls', directory, '--tls-name', 'gw.example'])).toMatchObject({ status: 0 })
  expectWords(await issue(), DISABLED)
})

/** A decimal serial number as OpenSSL prints it. */
function hexOf(serial: string): string {
  const digits = BigInt(serial).toString(16).toUpperCase()
  const octets = digits.padStart(digits.length + (digits.length % 2), '0').match(/../g) ?? []
  return octets.join(':')
}
