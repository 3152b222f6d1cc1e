import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { thisMachine } from '../../../src/machine/index.js'
import { lintFiles } from '../../../src/operations/audit/lint-files.js'
import { copiedPki } from '../../cli/made.js'
import { output } from '../../support/cli.js'
import { ocspScene } from './scene.js'

const DAY = 24 * 3_600_000

/** The certificate of the responder in an answer, as a PEM file beside the PKI. */
async function responderIn(scene: Awaited<ReturnType<typeof ocspScene>>): Promise<string> {
  const request = await scene.request(scene.certificate())
  const read = await scene.read(request, (await scene.service.answer(request)).der)
  const [pem = ''] = /-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----\n/.exec(read) ?? []
  const file = join(scene.home.path, 'responder.pem')
  await writeFile(file, pem)
  return file
}

test('the certificate of a responder is as docs/profile.md has it', async () => {
  const scene = await ocspScene()
  const file = await responderIn(scene)
  const text = await output('openssl', ['x509', '-in', file, '-noout', '-text'])
  const issuer = await output('openssl', [
    'x509',
    '-in',
    scene.path('local-ca.pem'),
    '-noout',
    '-subject',
    '-nameopt',
    'RFC2253',
  ])
  const [, user = ''] = /CN=([^,\n]+)/.exec(issuer) ?? []
  expect(text).toMatch(new RegExp(`Subject: CN *= *OCSP responder of ${user}, OU *= *acme`))
  expect(text).toMatch(/Key Usage: critical\n *Digital Signature\n/)
  expect(text).toMatch(/Extended Key Usage: *\n *OCSP Signing\n/)
  expect(text).toContain('OCSP No Check')
  expect(text).not.toContain('Basic Constraints')
  const verify = ['verify', '-x509_strict', '-purpose', 'ocsphelper', '-CAfile', scene.path('factory_ca.pem')]
  expect(await output('openssl', [...verify, '-untrusted', scene.path('local-ca.pem'), file])).toBe(`${file}: OK\n`)
  const [{ notAfter } = { notAfter: new Date(0) }] = scene.service.responders()
  expect(Math.abs(notAfter.getTime() - scene.now().getTime() - 30 * DAY)).toBeLessThan(2000)
})

test('lint finds nothing in the certificate of a responder, and what one lacks', async () => {
  const scene = await ocspScene()
  const file = await responderIn(scene)
  const lint = (path: string) =>
    lintFiles(
      {
        ...{
          paths: [path, scene.path('factory_ca.pem'), scene.path('local-ca.pem')],
          workingDirectory: scene.home.path,
        },
        ...{ factory: null, profile: null, strict: true },
      },
      { ...thisMachine(), progress: { note: () => undefined }, readStdin: async () => new Uint8Array() },
    )
  const { items, findings } = await lint(file)
  expect(items[0]).toMatchObject({ role: 'ocsp-responder' })
  expect(findings.filter((one) => one.file === file)).toEqual([])
  // The certificate that OpenSSL makes of it: a CA, without nocheck, for a year.
  const other = join(scene.home.path, 'other.pem')
  const extensions = join(scene.home.path, 'extensions.cnf')
  await writeFile(
    extensions,
    'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n',
  )
  const ca = ['-CA', scene.path('local-ca.pem'), '-CAkey', scene.path('local-ca.key'), '-days', '365']
  const subject = ['-new', '-subj', '/CN=other/OU=acme', '-force_pubkey', scene.path('pub.pem')]
  await output('openssl', ['x509', '-in', file, '-pubkey', '-noout', '-out', scene.path('pub.pem')])
  await output('openssl', ['x509', ...subject, ...ca, '-extfile', extensions, '-out', other])
  const found = (await lint(other)).findings.filter((one) => one.file === other).map(({ code }) => code)
  expect(found.toSorted()).toEqual(['ca-on-responder', 'ocsp-no-check-missing', 'validity-too-long'])
})

test('a responder renews its certificate when a third of its life is left', async () => {
  const scene = await ocspScene()
  const ends = () => scene.service.responders()[0]?.notAfter.getTime() ?? 0
  const request = await scene.request(scene.certificate())
  const first = ends()
  scene.later(19 * DAY)
  await scene.service.answer(request)
  expect(ends()).toBe(first)
  scene.later(2 * DAY)
  const answer = await scene.service.answer(request)
  expect(answer.outcome).toBe('good')
  await expect.poll(ends).toBe(Math.floor((scene.now().getTime() + 30 * DAY) / 1000) * 1000)
  scene.later(12 * DAY)
  expect(await scene.read(request, (await scene.service.answer(request)).der)).toContain('Response verify OK')
  expect(scene.notes).toEqual([expect.stringMatching(/^The OCSP responder of local-ca\.pem has a new certificate/)])
})

test('a key that is not available is a warning until the certificate ends, and then nothing is answered', async () => {
  const scene = await ocspScene({ options: { validity: DAY } })
  const request = await scene.request(scene.certificate())
  const [key, away] = [scene.path('local-ca.key'), join(scene.home.path, 'away.key')]
  await rename(key, away)
  scene.later(25 * DAY)
  expect((await scene.service.answer(request)).outcome).toBe('good')
  await expect.poll(() => scene.warnings.length).toBe(1)
  expect(scene.warnings).toEqual([
    expect.stringMatching(/^The certificate of the OCSP responder of local-ca\.pem, valid until .*, was not renewed: /),
  ])
  // No answer is valid for longer than the certificate that verifies it.
  scene.later(4.5 * DAY)
  const { cache } = await scene.service.answer(request)
  expect(cache?.nextUpdate).toEqual(scene.service.responders()[0]?.notAfter)
  scene.later(DAY)
  expect((await scene.service.answer(request)).outcome).toBe('tryLater')
  expect(await scene.service.whyUnavailable()).toBe('an OCSP responder has no valid certificate')
  await rename(away, key)
  scene.later(61_000)
  expect(await scene.read(request, (await scene.service.answer(request)).der)).toContain('Response verify OK')
})

test('a CA that is disabled later gets no new responder', async () => {
  const scene = await ocspScene()
  const request = await scene.request(scene.certificate())
  const disabled = ['ca', 'disable-device-ca', scene.directory, '--ca-file', 'local-ca.pem', '--yes', '--quiet']
  expect(await scene.home.fpki(disabled)).toMatchObject({ status: 0 })
  scene.later(31 * DAY)
  expect((await scene.service.answer(request)).outcome).toBe('tryLater')
  expect(scene.warnings[0]).toContain('local-ca.pem is disabled')
})

test('a key that is not that of the CA is refused, and the service does not start without another CA', async () => {
  const pki = await copiedPki()
  const other = join(pki.home.path, 'other.key')
  await output('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', other])
  await rename(other, pki.path('local-ca.key'))
  await expect(ocspScene({ pki })).rejects.toMatchObject({
    ...{ code: 'ERR_BAD_KEY', message: expect.stringMatching(/local-ca\.key is not the key of its certificate\.$/) },
  })
})
