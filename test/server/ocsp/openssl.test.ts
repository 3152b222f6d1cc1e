import { expect, test } from 'vitest'
import { newSerial } from '../../operations/ocsp/scene.js'
import { output } from '../../support/cli.js'
import { type ServedOcsp, servedOcsp } from './scene.js'

/** What `openssl ocsp` says as a client, on both outputs. */
function ask({ url, path, trust }: ServedOcsp, serial: string, flags: readonly string[] = []): Promise<string> {
  const about = ['-issuer', path('local-ca.pem'), '-serial', `0x${serial}`]
  const words = ['-url', url, '-CAfile', trust, ...flags, ...about]
  return output('sh', ['-c', 'openssl ocsp "$@" 2>&1', 'sh', ...words])
}

test('OpenSSL as a client agrees with the register, and a denial is seen', async () => {
  const scene = await servedOcsp()
  const at = Date.parse('2026-11-20T10:00:00Z')
  const [good, revoked, unknown] = [
    scene.certificate(),
    scene.certificate({ revocation: { at, reason: 'cessationOfOperation' } }),
    newSerial(),
  ]
  expect(await ask(scene, good)).toMatch(/^Response verify OK\n0x\S+: good\n/m)
  expect(await ask(scene, good, ['-no_nonce'])).toMatch(/^Response verify OK\n0x\S+: good\n/m)
  expect(await ask(scene, revoked)).toMatch(
    /^Response verify OK\n0x\S+: revoked\n[\s\S]*Reason: cessationOfOperation\n\tRevocation Time: Nov 20 10:00:00 2026 GMT/m,
  )
  expect(await ask(scene, unknown)).toMatch(/^Response verify OK\n0x\S+: unknown\n/m)
  const status = scene.register.known.get(good)
  if (status === undefined) throw new Error('the register knows it')
  scene.register.known.set(good, { ...status, revocation: { at, reason: 'keyCompromise' } })
  scene.later(2000)
  expect(await ask(scene, good, ['-no_nonce'])).toMatch(/: revoked\n[\s\S]*Reason: keyCompromise/)
})
