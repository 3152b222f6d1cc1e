import { describe, expect, test } from 'vitest'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'
import { CERTIFICATES, concatenated, DEVICE, deviceCa, GATEWAY, newDevice, newPki, type Pki } from './support/pki.js'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** The result of `certtool --verify` for the chain in `file` against the root: `verified`, or why not. */
async function verify(pki: Pki, file: string, ...words: readonly string[]): Promise<string> {
  const trusted = ['--load-ca-certificate', pki.path('factory_ca.pem')]
  const { status, stdout } = await runProgram('certtool', [
    '--verify',
    '--verify-profile',
    'medium',
    ...trusted,
    ...words,
    '--infile',
    file,
  ])
  const [, verdict = stdout] = /^Chain verification output: (.*)$/m.exec(stdout) ?? []
  const isTrusted = status === 0 && verdict.startsWith('Verified. The certificate is trusted.')
  return isTrusted ? 'verified' : `${status} ${verdict}`
}

describe('certtool', () => {
  test('reads every certificate with the fields of its profile', async () => {
    const pki = await newPki()
    const [root = '', tls = '', online = '', local = ''] = await Promise.all(
      CERTIFICATES.map((name) => output('certtool', ['--certificate-info', '--infile', pki.path(name)])),
    )
    for (const text of [root, tls, online, local]) {
      expect(text).toContain('Version: 3\n')
      expect(text).toContain('Issuer: OU=acme,CN=Factory-CA\n')
      expect(text).toContain('Subject Public Key Algorithm: EC/ECDSA\n')
      expect(text).toContain('Curve:\tSECP256R1\n')
      expect(text).toContain('Signature Algorithm: ECDSA-SHA256\n')
      expect(text).not.toMatch(/unknown|error|warning|invalid/i)
    }
    expect(root).toMatch(/Key Usage \(critical\):\n\s+Certificate signing\.\n\s+CRL signing\.\n/)
    expect(root).toMatch(/Basic Constraints \(critical\):\n\s+Certificate Authority \(CA\): TRUE\n(?!\s+Path)/)
    expect(tls).toMatch(/Key Usage \(critical\):\n\s+Digital signature\.\n\t\tKey Purpose/)
    expect(tls).toMatch(/Key Purpose \(not critical\):\n\s+TLS WWW Server\.\n\t\tSubject Key/)
    expect(tls).toContain(`DNSname: ${GATEWAY}\n`)
    for (const text of [online, local]) {
      expect(text).toMatch(/Key Usage \(critical\):\n\s+Certificate signing\.\n\t\tBasic/)
      expect(text).toMatch(/Certificate Authority \(CA\): TRUE\n\s+Path Length Constraint: 0\n/)
    }
  })

  test('verifies every certificate against the root', async () => {
    const pki = await newPki()
    const verdicts = await Promise.all(CERTIFICATES.map((name) => verify(pki, pki.path(name))))
    expect(verdicts).toEqual(CERTIFICATES.map(() => 'verified'))
  })

  test('verifies tls-crt for a server with its name, and for nothing else', async () => {
    const pki = await newPki()
    const tls = (...words: readonly string[]) => verify(pki, pki.path('tls-crt'), ...words)
    expect(await tls('--verify-purpose', SERVER_AUTH, '--verify-hostname', GATEWAY)).toBe('verified')
    expect(await tls('--verify-purpose', SERVER_AUTH, '--verify-hostname', 'other.example')).toMatch(
      /does not match the expected/,
    )
    expect(await tls('--verify-purpose', CLIENT_AUTH)).toMatch(/does not match the intended purpose/)
  })

  test.each(['local-ca', 'online-ca'] as const)('verifies the chain of a device by %s', async (name) => {
    const [pki, directory] = [await newPki(), await temporaryDirectory()]
    const ca = deviceCa(pki, name)
    const device = await newDevice(ca, directory)
    const chain = await concatenated(directory, 'chain.pem', device.certificate, ca.certificate)
    expect(await verify(pki, chain, '--verify-purpose', CLIENT_AUTH)).toBe('verified')
    const whole = await concatenated(directory, 'whole.pem', chain, pki.path('factory_ca.pem'))
    const text = await output('certtool', ['--verify-chain', '--verify-profile', 'medium', '--infile', whole])
    expect(text).toContain(DEVICE)
    expect(text).toContain('Chain verification output: Verified.')
  })

  test('does not verify a certificate of another factory', async () => {
    const [one, other] = [await newPki(), await newPki()]
    expect(await verify(one, other.path('tls-crt'))).toMatch(/^1 Not verified/)
  })

  test('reads the keys, which match their certificates', async () => {
    const pki = await newPki()
    for (const name of ['factory_ca', 'local-ca']) {
      const ofKey = await output('certtool', ['--pubkey-info', '--load-privkey', pki.path(`${name}.key`)])
      const ofCertificate = await output('certtool', ['--pubkey-info', '--load-certificate', pki.path(`${name}.pem`)])
      const [, publicKey] = /(-----BEGIN PUBLIC KEY-----[^-]+)/.exec(ofCertificate) ?? []
      expect(publicKey).toBeDefined()
      expect(ofKey).toContain(publicKey)
    }
  })
})
