import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { allCodes } from '../../../src/lint/index.js'
import { thisMachine } from '../../../src/machine/index.js'
import {
  type LintFilesOptions,
  type LintFilesResult,
  lintFiles,
  lintFilesResult,
} from '../../../src/operations/audit/lint-files.js'
import { readPemCertificate } from '../../../src/pki/read-certificate.js'
import { BUILT_CASES } from '../../lint/built-cases.js'
import { runProgram, temporaryDirectory } from '../../support/cli.js'

const FIXTURES = fileURLToPath(new URL('../../fixtures/lint', import.meta.url))
const FIOCTL = fileURLToPath(new URL('../../fixtures/fioctl', import.meta.url))

/** A month after the fixtures were made. */
const rootPem = await readFile(join(FIXTURES, 'factory_ca.pem'), 'utf8')
const NOW = new Date(readPemCertificate(rootPem, 'it').notBefore.getTime() + 30 * 86_400_000)

/** The expected codes for each file of test/fixtures/lint, in order. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  'another-root.pem': ['root-common-name'],
  'bundle.pem': [],
  'ca-by-another-root.pem': ['not-by-root'],
  'ca-by-same-name-root.pem': ['authority-key-id-wrong', 'signature-wrong'],
  'ca-ed25519.pem': ['unsupported-key'],
  // A device CA may sign CRLs.
  'ca-extra-usages.pem': ['ext-key-usage-extra'],
  'ca-local-printable.pem': ['subject-not-utf8'],
  'ca-no-key-ids.pem': ['ca-subject-key-id-missing', 'authority-key-id-missing'],
  'ca-no-name.pem': ['common-name-missing'],
  'ca-no-path-length.pem': ['path-length'],
  'ca-no-unit.pem': ['unit-missing'],
  'ca-no-usage.pem': ['key-usage-missing'],
  'ca-not-critical.pem': ['basic-constraints-not-critical', 'key-usage-not-critical'],
  'ca-other-factory.pem': ['unit-of-another-factory'],
  'ca-outlives.pem': ['validity-too-long', 'outlives-issuer'],
  'ca-printable.pem': ['subject-printable-string', 'subject-order'],
  'ca-root-key.pem': ['key-of-a-ca'],
  'ca-secp224r1.pem': ['weak-key'],
  'ca-secp256k1.pem': ['unsupported-key'],
  'ca-serial-0.pem': ['serial-zero'],
  'ca-serial-21.pem': ['serial-too-long'],
  'ca-serial-5.pem': ['serial-not-random'],
  'ca-serial-negative.pem': ['serial-negative'],
  'ca-sha1.pem': ['weak-signature'],
  'ca-sha512.pem': ['hash-of-curve'],
  'crl-another-root.pem': ['crl-empty', 'crl-not-by-root'],
  'crl-empty.pem': ['crl-empty'],
  'crl-no-key-id.pem': ['crl-authority-key-id-missing', 'crl-empty'],
  'crl-no-number.pem': ['crl-number-missing', 'crl-empty'],
  'crl-no-reason.pem': ['crl-reason'],
  'crl-passed.pem': ['crl-passed', 'crl-empty'],
  'crl-reason.pem': ['crl-reason'],
  'crl-same-name-root.pem': ['crl-authority-key-id-wrong', 'crl-empty', 'crl-signature-wrong'],
  'crl-sha1.pem': ['crl-empty', 'crl-weak-signature'],
  'crl-unknown-serial.pem': ['crl-reason', 'crl-serial-unknown'],
  'crl-version-1.pem': ['crl-version', 'crl-empty'],
  'csr-ca-no-name.pem': ['csr-no-name'],
  'csr-ca-rsa.pem': ['ca-key-not-ec'],
  'csr-extensions.pem': ['csr-extension'],
  'csr-good.pem': [],
  'csr-name-twice.pem': ['csr-name', 'csr-name-twice', 'csr-unit'],
  'csr-no-name.pem': ['csr-no-name', 'csr-no-dns-name'],
  'csr-pss.pem': ['unsupported-signature'],
  'csr-root-key.pem': ['csr-key-of-a-ca'],
  'csr-rsa1024.pem': ['weak-key'],
  'csr-secp256k1.pem': ['unsupported-key'],
  'csr-sha1.pem': ['weak-signature'],
  'csr-signature.pem': ['csr-signature'],
  'csr-trailing.pem': ['trailing-octets'],
  'cut-off.der': ['broken'],
  'device-by-device.pem': ['issuer-not-ca', 'outlives-issuer'],
  'device-ca-true.pem': ['ca-on-device'],
  'device-no-purpose.pem': ['ext-key-usage-lacks', 'authority-key-id-missing'],
  'device-odd.pem': ['device-name', 'business-category', 'key-usage-not-critical', 'ext-key-usage-not-critical'],
  'device-other-factory.pem': ['unit-of-another-factory'],
  'device.pem': [],
  'factory_ca.pem': [],
  'local-ca.pem': [],
  'nothing.pem': ['role-unknown'],
  'pem-broken.pem': ['pem-broken'],
  'pem-label.pem': ['pem-label'],
  'root-bare.pem': ['root-ext-key-usage', 'ca-subject-key-id-missing'],
  'root-no-ca.pem': ['basic-constraints-missing'],
  'root-no-usage.pem': ['root-common-name', 'unit-missing', 'key-usage-missing'],
  'root-path-length.pem': ['path-length'],
  'root-rsa.pem': ['ca-key-not-ec'],
  'root-thirty-years.pem': ['validity-too-long'],
  'same-name-root.pem': [],
  'serial-twice.pem': ['serial-twice'],
  'text.pem': ['nothing-found'],
  'tls-agreement-only.pem': ['key-usage-not-critical', 'key-usage-lacks', 'key-usage-extra'],
  'tls-bare.pem': ['san-name', 'san-twice', 'key-usage-missing', 'ext-key-usage-lacks'],
  'tls-begins-early.pem': ['begins-before-issuer'],
  'tls-by-device-ca.pem': ['not-by-root'],
  'tls-ca.pem': ['ca-on-tls'],
  'tls-expired.pem': ['expired'],
  'tls-extensions.pem': ['critical-extension', 'extension-extra'],
  'tls-key-encipherment.pem': ['key-usage-extra'],
  'tls-no-key-id.pem': ['subject-key-id-missing'],
  'tls-no-san.pem': ['san-missing'],
  'tls-no-subject.pem': ['san-not-critical'],
  'tls-not-yet.pem': ['not-yet-valid'],
  'tls-rsa1024.pem': ['weak-key'],
  'tls-rsa2048.pem': [],
  'tls.der': [],
  'tls.pem': [],
  'two.der': ['trailing-octets'],
}

interface Ran extends LintFilesResult {
  readonly notes: readonly string[]
  /** `file code` of every finding. */
  readonly lines: readonly string[]
}

async function run(paths: readonly string[], more: Partial<LintFilesOptions> = {}, stdin = ''): Promise<Ran> {
  const notes: string[] = []
  const options = { paths, workingDirectory: FIXTURES, factory: null, profile: null, strict: false, ...more }
  const linted = await lintFiles(options, {
    ...thisMachine(),
    clock: () => NOW,
    progress: { note: (text) => void notes.push(text) },
    readStdin: async () => Buffer.from(stdin),
  })
  const report = lintFilesResult.parse(linted)
  return { ...report, notes, lines: report.findings.map(({ file, code }) => `${file} ${code}`) }
}

describe('each fixture', () => {
  test('has a line here', async () => {
    const names = (await readdir(FIXTURES)).filter((name) => /\.(pem|der)$/.test(name))
    expect(Object.keys(CODES).toSorted()).toEqual(names.toSorted())
  })

  test.each(Object.entries(CODES))('%s: %j', async (name, codes) => {
    const { findings } = await run([name, 'local-ca.pem', 'device.pem'], { factory: 'acme' })
    expect(findings.filter(({ file }) => file === name).map(({ code }) => code)).toEqual(codes)
    for (const { reason, cite } of findings) expect(`${reason} ${cite}`).not.toMatch(/undefined|null|NaN|\n/)
  })

  test('or a certificate built by the tests has each code', () => {
    const shown = new Set([...Object.values(CODES), ...BUILT_CASES.map(([, , codes]) => codes)].flat())
    const left = allCodes().filter(({ code }) => !shown.has(code))
    expect(left.map(({ code }) => code)).toEqual(['crl-issuer-unknown'])
  })

  test('crl-issuer-unknown is reported for a CRL alone', async () => {
    const { lines } = await run(['-'], {}, await readFile(join(FIXTURES, 'crl-empty.pem'), 'utf8'))
    expect(lines).toEqual(['stdin crl-empty', 'stdin crl-issuer-unknown'])
  })
})

describe('OpenSSL', () => {
  const verify = (name: string, ca: string) => {
    const at = String(NOW.getTime() / 1000)
    const words = ['verify', '-x509_strict', '-attime', at, '-CAfile', 'factory_ca.pem', '-untrusted', ca, name]
    return runProgram('openssl', words, { cwd: FIXTURES })
  }

  test.each(['local-ca.pem', 'tls.pem', 'tls-rsa2048.pem', 'device.pem'])('accepts %s', async (name) => {
    expect(await verify(name, 'local-ca.pem')).toMatchObject({ status: 0, stdout: `${name}: OK\n` })
  })

  test.each([
    ['ca-by-another-root.pem', 'unable to get local issuer certificate'],
    // OpenSSL compares the key identifier first.
    ['ca-by-same-name-root.pem', 'unable to get local issuer certificate'],
    ['tls-expired.pem', 'certificate has expired'],
    ['tls-not-yet.pem', 'certificate is not yet valid'],
    ['ca-no-key-ids.pem', 'Missing Subject Key Identifier'],
    ['ca-not-critical.pem', 'Basic Constraints of CA cert not marked critical'],
    ['tls-no-subject.pem', 'Subject empty and Subject Alt Name extension not critical'],
    ['tls-extensions.pem', 'unhandled critical extension'],
  ])('rejects %s: %s', async (name, reason) => {
    const { status, stderr } = await verify(name, 'local-ca.pem')
    expect(status).not.toBe(0)
    expect(stderr.toLowerCase()).toContain(reason.toLowerCase())
  })
})

describe('the PKI directories of fioctl have only the known deviations', () => {
  const keyId = 'ca-subject-key-id-not-sha1'
  const online = ['subject-printable-string', 'subject-order', keyId]
  test.each([
    ['file', { 'local-ca.pem': ['serial-too-long'], 'tls-crt': [], 'tls-crt.bak': [], 'online-crt': [] }],
    ['hsm', { 'tls-crt': ['serial-too-long'], 'tls-crt.bak': ['serial-too-long'], 'online-crt': ['serial-too-long'] }],
  ])('%s', async (from, serials) => {
    const directory = join(FIOCTL, from, 'pki')
    const long: Readonly<Record<string, readonly string[]>> = serials
    const expected = {
      'local-ca.pem': [...(long['local-ca.pem'] ?? []), keyId],
      'online-crt': [...(long['online-crt'] ?? []), ...online],
      'online-crt.bak': online,
      'site-b.pem': [keyId],
      'tls-crt': [...(long['tls-crt'] ?? []), 'subject-key-id-missing'],
      'tls-crt.bak': [...(long['tls-crt.bak'] ?? []), 'subject-key-id-missing'],
    }
    const { lines, factory, items } = await run([directory])
    expect(factory).toBe('acme')
    expect(items.map(({ role }) => role)).toEqual([
      'root',
      'device-ca',
      'device-ca',
      'device-ca',
      'device-ca',
      'tls',
      'tls',
    ])
    expect(lines).toEqual(
      Object.entries(expected).flatMap(([name, codes]) => codes.map((code) => `${join(directory, name)} ${code}`)),
    )
  })

  test('and an expired .bak is accepted', async () => {
    const directory = await temporaryDirectory()
    const expired = await readFile(join(FIXTURES, 'tls-expired.pem'))
    await writeFile(join(directory, 'tls-crt.bak'), expired)
    await writeFile(join(directory, 'tls-crt.bak.1'), expired)
    expect((await run([directory])).lines).toEqual(
      [1, 2].map((at) => `${join(directory, at === 1 ? 'tls-crt.bak' : 'tls-crt.bak.1')} issuer-unknown`),
    )
  })
})

describe('lintFiles', () => {
  test('reads certificates in a directory, and files that are named like one', async () => {
    const directory = await temporaryDirectory()
    const put = (name: string, text: string | Buffer) => writeFile(join(directory, name), text)
    await put('factory_ca.pem', rootPem)
    await put('factory_ca.key', rootPem)
    await put('README', 'nothing')
    await put('photo', Buffer.alloc(20_000_000))
    await put('empty.crt', '')
    await put('key.pem', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
    await put('large.pem', Buffer.alloc(20_000_000))
    const { items, lines } = await run([directory])
    const likely = ['empty.crt', 'factory_ca.pem', 'key.pem', 'large.pem']
    expect(items.map(({ file }) => file)).toEqual(likely.map((name) => join(directory, name)))
    expect(lines).toEqual([
      `${join(directory, 'empty.crt')} nothing-found`,
      `${join(directory, 'key.pem')} nothing-found`,
      `${join(directory, 'large.pem')} too-large`,
    ])
  })

  test('reports an empty directory', async () => {
    const directory = await temporaryDirectory()
    expect((await run([directory])).lines).toEqual([`${directory} nothing-found`])
  })

  test('reads each file once, whatever its name, and stdin', async () => {
    const { items, lines } = await run(['tls.pem', './tls.pem', '-'], {}, rootPem)
    expect(items.map(({ file }) => file)).toEqual(['tls.pem', 'stdin'])
    expect(lines).toEqual([])
  })

  test('refuses a path that does not exist', async () => {
    await expect(run(['nothing-there'])).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
  })
})

describe('options', () => {
  test('profile sets the role of all certificates', async () => {
    const { items, lines } = await run(['tls.pem'], { profile: 'device' })
    expect(items.map(({ role }) => role)).toEqual(['device'])
    expect(lines.map((line) => line.split(' ')[1])).toEqual(
      expect.arrayContaining(['unit-missing', 'ext-key-usage-lacks']),
    )
  })

  test('factory overrides that of the root; without both, OUs are not checked', async () => {
    expect((await run(['ca-other-factory.pem'])).lines).toEqual(['ca-other-factory.pem unit-of-another-factory'])
    const globex = await run(['ca-other-factory.pem'], { factory: 'globex' })
    expect([globex.lines, globex.notes]).toEqual([[], []])
    const alone = await run(['-'], {}, await readFile(join(FIXTURES, 'ca-other-factory.pem'), 'utf8'))
    expect(alone.lines).toEqual(['stdin issuer-unknown'])
    expect(alone.notes).toEqual([expect.stringContaining('--factory')])
  })

  test('strict makes warnings count', async () => {
    expect((await run(['tls-no-san.pem'])).passed).toBe(true)
    expect((await run(['tls-no-san.pem'], { strict: true })).passed).toBe(false)
    expect((await run(['tls-ca.pem'])).passed).toBe(false)
    expect((await run(['ca-sha512.pem'], { strict: true })).passed).toBe(true)
  })
})
