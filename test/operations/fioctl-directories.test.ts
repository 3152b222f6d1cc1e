import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { addDeviceCaResult, certifyServerResult, changeDeviceCasResult, showPkiResult } from '../../src/index.js'
import { type Home, output } from '../support/cli.js'
import { copiedFioctlPki } from '../support/fioctl-pki.js'
import { FIOCTL_PKIS, FIOCTL_USER, type FioctlPki, stateAfter, transcript } from '../support/transcript.js'

/** A PKI of fioctl's in a HOME whose embedded factory has had fioctl's conversation. */
interface Scene {
  readonly home: Home
  readonly directory: string
  path(name: string): string
  /** Runs a command on the directory, with the HSM's flags where they are needed, and gives its document. */
  run(words: readonly string[], rest?: readonly string[]): Promise<unknown>
}

async function scene(pki: FioctlPki): Promise<Scene> {
  const { home, directory, flags } = await copiedFioctlPki(pki)
  const folder = join(home.state, 'factories', 'acme')
  await mkdir(join(folder, 'keys'), { recursive: true, mode: 0o700 })
  await writeFile(join(folder, 'factory.json'), JSON.stringify(stateAfter(transcript(pki))), { mode: 0o600 })
  return {
    home,
    directory,
    path: (name) => join(directory, name),
    run: async ([group = '', command = '', ...words], rest = []) => {
      const all = [group, command, directory, ...words, ...flags, '--json', ...rest]
      const { status, stdout, stderr } = await home.fpki(all)
      expect({ status, stderr: status === 0 ? '' : stderr + stdout }).toEqual({ status: 0, stderr: '' })
      return JSON.parse(stdout)
    },
  }
}

/** OpenSSL takes a certificate of the directory for what it is for. */
async function expectVerified({ path }: Scene, name: string, purpose: string): Promise<void> {
  const words = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', path('factory_ca.pem'), path(name)]
  expect(await output('openssl', words)).toBe(`${path(name)}: OK\n`)
}

async function serialOf({ path }: Scene, name: string): Promise<string> {
  const line = await output('openssl', ['x509', '-in', path(name), '-noout', '-serial'])
  return BigInt(`0x${line.trim().replace('serial=', '')}`).toString()
}

async function shown({ home }: Scene) {
  return showPkiResult.parse(JSON.parse((await home.fpki(['ca', 'show', '--json'])).stdout))
}

/** What OpenSSL says of a CRL when the root has signed it. */
async function crlText({ path }: Scene, pem: string): Promise<string> {
  const words = ['crl', '-noout', '-text', '-CAfile', path('factory_ca.pem')]
  return output('sh', ['-c', 'openssl "$@" 2>&1', 'sh', ...words], { stdin: pem })
}

describe.each(FIOCTL_PKIS)('the PKI directory of fioctl (root key: %s)', (pki) => {
  test('rotate-tls keeps the backup of fioctl, and its tls-crt beside it', async () => {
    const its = await scene(pki)
    const texts = await Promise.all(['tls-crt.bak', 'tls-crt'].map((name) => readFile(its.path(name), 'utf8')))
    const document = certifyServerResult.parse(await its.run(['ca', 'rotate-tls']))
    expect(document).toMatchObject({ file: 'tls-crt', keptAs: 'tls-crt.bak.1', resumed: false })
    // A server keeps its names when its key changes.
    expect(document.certificate.subjectAltNames).toEqual(['DNS:repo.ota-lite.example', 'DNS:repo.ostree.example'])
    const kept = await Promise.all(['tls-crt.bak', 'tls-crt.bak.1'].map((name) => readFile(its.path(name), 'utf8')))
    expect(kept).toEqual(texts)
    await expectVerified(its, 'tls-crt', 'sslserver')
    expect((await shown(its)).tls?.pem).toBe(await readFile(its.path('tls-crt'), 'utf8'))
  })

  test('add-device-ca adds both kinds after those of fioctl', async () => {
    const its = await scene(pki)
    const before = (await shown(its)).deviceCas.map(({ serial }) => serial)
    expect(before).toHaveLength(3)
    const words = ['--online-ca', '--local-ca', '--local-ca-filename', 'site-c.pem']
    const { added } = addDeviceCaResult.parse(await its.run(['ca', 'add-device-ca', ...words]))
    expect(added.map(({ file, keyFile, subject }) => [file, keyFile, subject])).toEqual([
      ['online-crt', null, 'CN=online-ca, OU=acme'],
      ['site-c.pem', 'site-c.key', `CN=fio-${FIOCTL_USER}, OU=acme`],
    ])
    for (const name of ['online-crt', 'site-c.pem']) await expectVerified(its, name, 'any')
    const serials = [await serialOf(its, 'online-crt'), await serialOf(its, 'site-c.pem')]
    expect((await shown(its)).deviceCas.map(({ serial }) => serial)).toEqual([...before, ...serials])
    const ofKey = await output('openssl', ['pkey', '-in', its.path('site-c.key'), '-pubout'])
    expect(await output('openssl', ['x509', '-in', its.path('site-c.pem'), '-noout', '-pubkey'])).toBe(ofKey)
  })

  test('est authorize and sign work', async () => {
    const its = await scene(pki)
    expect(certifyServerResult.parse(await its.run(['est', 'authorize']))).toMatchObject({ keptAs: null })
    await expectVerified(its, 'est-tls-crt', 'sslserver')
    const request = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=gw']
    const csr = join(its.home.path, 'gw.csr')
    await output('openssl', [
      ...request,
      '-addext',
      'subjectAltName=DNS:gw.example',
      '-keyout',
      `${csr}.key`,
      '-out',
      csr,
    ])
    const words = ['ca', 'sign', csr, '--pki-dir', its.directory, '--out', its.path('../gw.pem')]
    // The directory remembers the token since `est authorize`.
    const { status, stderr } = await its.home.fpki(words)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    await expectVerified(its, '../gw.pem', 'sslserver')
  })

  test('revoke, disable and enable work: the CRL numbers continue after number 1 of fioctl', async () => {
    const its = await scene(pki)
    const [online, siteB] = [await serialOf(its, 'online-crt'), await serialOf(its, 'site-b.pem')]
    expect((await shown(its)).disabledCaSerials).toEqual([siteB])
    const steps = [
      ['enable-device-ca', ['--ca-file', 'site-b'], siteB, 'Remove From CRL', []],
      ['disable-device-ca', ['--ca-file', its.path('site-b.pem')], siteB, 'Certificate Hold', [siteB]],
      ['revoke-device-ca', ['--ca-serial', online, '--yes'], online, 'Privilege Withdrawn', [siteB]],
    ] as const
    for (const [index, [command, words, serial, reason, disabled]] of steps.entries()) {
      const { crl, changed } = changeDeviceCasResult.parse(await its.run(['ca', command, ...words]))
      expect({ changed, number: crl?.crlNumber }).toEqual({ changed: true, number: String(index + 2) })
      const text = await crlText(its, crl?.pem ?? '')
      expect(text).toContain('verify OK')
      expect(text).toMatch(new RegExp(`X509v3 CRL Number: \\n +${index + 2}\\n`))
      expect(text).toMatch(new RegExp(`X509v3 CRL Reason Code: \\n +${reason}\\n`))
      expect(text).toContain(`Serial Number: ${hexOf(serial)}`)
      expect((await shown(its)).disabledCaSerials).toEqual(disabled)
    }
    expect((await shown(its)).deviceCas.map(({ serial }) => serial)).not.toContain(online)
    // fioctl revoked it before.
    const gone = await its.home.fpki(['ca', 'revoke-device-ca', its.directory, '--ca-file', 'local-ca.pem', '--yes'])
    expect(gone).toMatchObject({ status: 3, stderr: expect.stringContaining('[ERR_NOT_A_DEVICE_CA]') })
  })
})

/** A serial number as OpenSSL prints it in a CRL. */
function hexOf(serial: string): string {
  const hex = BigInt(serial).toString(16).toUpperCase()
  return hex.length % 2 === 0 ? hex : `0${hex}`
}
