import { X509Certificate } from 'node:crypto'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { crossSignResult, renewRootResult } from '../../src/index.js'
import { output, temporaryDirectory } from '../support/cli.js'
import { copiedFioctlPki } from '../support/fioctl-pki.js'
import { FIOCTL_PKIS } from '../support/transcript.js'
import { backedUpPki, copiedPki, type Made, madePki } from './made.js'
import { modes, snapshot } from './snapshot.js'

const ROOT = 'factory_ca.pem'

async function read(path: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(path))
}

/** Both root certificates verify everything below the root, according to OpenSSL. */
async function expectBothVerify(directory: string, files: readonly string[]): Promise<void> {
  for (const root of [ROOT, `${ROOT}.bak`]) {
    const paths = files.map((file) => join(directory, file))
    const answer = await output('openssl', ['verify', '-x509_strict', '-CAfile', join(directory, root), ...paths])
    expect(answer).toBe(paths.map((path) => `${path}: OK\n`).join(''))
  }
}

/** A PKI with encrypted keys, and the file with their passphrase. */
async function encryptedPki(): Promise<Made> {
  const file = join(await temporaryDirectory(), 'passphrase')
  await writeFile(file, 'nine lives of a fish\n', { mode: 0o600 })
  const made = await madePki(['--encrypt-keys', '--passphrase-file', file])
  await copyFile(file, join(made.home.path, 'passphrase'))
  return made
}

test('asks for confirmation, and --dry-run changes nothing', async () => {
  const { home, directory } = await copiedPki()
  const before = await snapshot(directory)
  const dry = await home.fpki(['ca', 'renew-root', directory, '--dry-run'])
  expect(dry).toMatchObject({ status: 0 })
  expect(dry.stdout).toMatch(/^Nothing was signed: a new root certificate of the factory acme would be valid until \d/)
  expect(dry.stderr).toContain('sets a root once')
  const unconfirmed = await home.fpki(['ca', 'renew-root', directory])
  expect(unconfirmed).toMatchObject({ status: 3, stdout: '' })
  expect(unconfirmed.stderr).toContain('ERR_NOT_CONFIRMED')
  expect(await snapshot(directory)).toEqual(before)
})

test('renews the certificate, and the PKI works on with it and with a Factory API that has the earlier one', async () => {
  const { home, directory, path } = await backedUpPki()
  const earlier = await read(path(ROOT))
  const ended = await home.fpki(['ca', 'renew-root', directory, '--yes', '--json'])
  expect(ended).toMatchObject({ status: 0 })
  const result = renewRootResult.parse(JSON.parse(ended.stdout))
  const [kept, renewed] = [await read(path(`${ROOT}.bak`)), await read(path(ROOT))]
  expect(kept.raw).toEqual(earlier.raw)
  expect([renewed.subject, renewed.validFrom]).toEqual([earlier.subject, earlier.validFrom])
  expect(renewed.publicKey.equals(earlier.publicKey)).toBe(true)
  expect(renewed.serialNumber).not.toBe(earlier.serialNumber)
  expect(Date.parse(renewed.validTo)).toBeGreaterThanOrEqual(Date.parse(earlier.validTo))
  expect(result).toMatchObject({ keptAs: `${ROOT}.bak`, resumed: false, notAfter: result.certificate?.notAfter })
  expect(BigInt(result.earlier.serial)).toBe(BigInt(`0x${earlier.serialNumber}`))
  expect((await modes(directory))[ROOT]).toBe('file 400')
  await expectBothVerify(directory, ['local-ca.pem', 'online-crt', 'tls-crt'])
  expect(await home.fpki(['ca', 'rotate-tls', directory, '--quiet'])).toMatchObject({ status: 0 })
  await expectBothVerify(directory, ['tls-crt'])
  expect(await home.fpki(['ca', 'log', 'verify', directory])).toMatchObject({ status: 0 })
  const { stdout } = await home.fpki(['ca', 'verify', directory, '--json'])
  expect(stdout).toContain('"api.earlier-root"')
  const wrong = JSON.parse(stdout).findings.filter(({ status }: { status: string }) => /warning|failure/.test(status))
  expect(wrong).toEqual([])
  expect(await home.fpki(['lint', directory, '--strict', '--quiet'])).toMatchObject({ status: 0 })
})

describe.each(FIOCTL_PKIS)('a PKI of fioctl, %s', (pki) => {
  test('keeps its key identifier, and signs for an encrypted root and is signed by it', async () => {
    const { home, directory, flags } = await copiedFioctlPki(pki)
    const ended = await home.fpki(['ca', 'renew-root', directory, '--yes', '--quiet', ...flags])
    expect(ended).toMatchObject({ status: 0 })
    const identifier = async (file: string) =>
      output('openssl', ['x509', '-noout', '-ext', 'subjectKeyIdentifier', '-in', join(directory, file)])
    expect(await identifier(ROOT)).toBe(await identifier(`${ROOT}.bak`))
    // Without -x509_strict: fioctl's certificates lack some identifiers.
    for (const root of [ROOT, `${ROOT}.bak`]) {
      const words = ['verify', '-CAfile', join(directory, root), join(directory, 'local-ca.pem')]
      expect(await output('openssl', words)).toContain('OK')
    }
    // A kit has no earlier certificate, by which a renewed root is known.
    const kit = join(home.path, 'kit')
    const exported = await home.fpki(['ca', 'export-kit', directory, kit, '--ca', 'local-ca', '--quiet'])
    expect(exported).toMatchObject({ status: 0 })
    const { findings } = JSON.parse((await home.fpki(['ca', 'verify', kit, '--offline', '--json'])).stdout)
    expect(findings.filter(({ file }: { file: string | null }) => file === ROOT)).toEqual([])
    const { directory: other, home: elsewhere } = await copiedPki(encryptedPki)
    const passphrase = join(elsewhere.path, 'passphrase')
    const signed = await home.fpki([
      ...['ca', 'cross-sign', directory, '--with', other, '--with-passphrase-file', passphrase, '--json', ...flags],
    ])
    expect({ status: signed.status, stderr: signed.status === 0 ? '' : signed.stderr }).toEqual({
      status: 0,
      stderr: '',
    })
    const { certificates } = crossSignResult.parse(JSON.parse(signed.stdout))
    for (const { directory: trusted, file, certifies } of certificates) {
      const cross = ['-untrusted', join(trusted, file)]
      const checked = ['verify', '-CAfile', join(trusted, ROOT), ...cross, join(certifies, 'local-ca.pem')]
      expect(await output('openssl', checked)).toContain('OK')
    }
  })
})
