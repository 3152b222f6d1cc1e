import { X509Certificate } from 'node:crypto'
import { chmod, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { HtmlValidate } from 'html-validate'
import { describe, expect, test } from 'vitest'
import { inspectDirectory } from '../../../src/directory/inspect.js'
import { thisMachine } from '../../../src/machine/index.js'
import { SECTION_TITLES } from '../../../src/operations/report/evidence.js'
import { type PkiReport, pkiReport } from '../../../src/operations/report/model.js'
import { readCertificates } from '../../../src/operations/report/read-certificates.js'
import { readReport } from '../../../src/operations/report/read-report.js'
import { REPORT_FORMATS, type ReportFormat, renderReport } from '../../../src/operations/report/report-pki.js'
import { hierarchyCertificateOf } from '../../../src/operations/show/hierarchy.js'
import { encodePem } from '../../../src/pki/pem.js'
import { forge, put } from '../../cli/forge.js'
import { backedUpPki, copiedPki, editJson, x509 } from '../../cli/made.js'
import { output, temporaryDirectory } from '../../support/cli.js'
import { recordDevices, UNLIMITED, uuidNumber, withRegister } from '../../support/device-register.js'
import { FIOCTL_PKIS, fioctlPath } from '../../support/transcript.js'
import { HOSTILE, hostile, lineOf, pictured } from './scene.js'

const WARN_DAYS = 60
const DAY = 86_400_000

/** The report on a directory at a time. */
function reportOn(directory: string, at: Date = new Date()): Promise<PkiReport> {
  return readReport(
    { directory, store: null, factory: null, warnDays: WARN_DAYS },
    { ...thisMachine(), clock: () => at },
  )
}

const validator = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:document'],
  // It takes the names of rules for the length of a title to be about search engines.
  rules: { 'long-title': 'off', 'no-inline-style': 'error' },
})

/** What html-validate has against a page. */
async function problemsOf(html: string): Promise<readonly string[]> {
  const { results } = await validator.validateString(html)
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message, line }) => `${line} ${ruleId}: ${message}`))
}

/** Anybody may write to a file, and somebody has. */
async function spoil(path: string): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, 'garbage\n')
  await chmod(path, 0o666)
}

const at = new Date('2027-01-01T00:00:00Z')

describe('the report on a PKI', () => {
  test('that was just created has nothing wrong, and says who holds which key', async () => {
    const pki = await backedUpPki()
    const report = await reportOn(pki.directory)
    expect(pkiReport.parse(report)).toEqual(report)
    expect(report).toMatchObject({ factory: 'acme', result: 'ok', lint: [], devices: null, kit: false })
    expect(report.keys.map(({ certificate, place }) => [certificate, place])).toEqual([
      ['factory_ca.pem', 'file'],
      ['tls-crt', 'gateway'],
      ['online-crt', 'factory-api'],
      ['local-ca.pem', 'file'],
    ])
    expect(report.auditLog).toMatchObject({ unsigned: 0, problems: [] })
    expect(report.auditLog?.signed?.line).toBe(report.auditLog?.lines)
    expect(report.backup).toMatchObject({ madeAt: '2098-01-01T00:00:00Z', provedAt: null })
  })

  test('has the fingerprints and serial numbers that OpenSSL prints', async () => {
    const pki = await copiedPki()
    const html = renderReport(await reportOn(pki.directory), 'html').replaceAll('<wbr>', '')
    for (const name of ['factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.pem']) {
      const facts = await x509(pki.path(name), '-fingerprint', '-sha256', '-serial')
      const [, fingerprint] = /Fingerprint=(.*)/i.exec(facts) ?? []
      const [, serial = ''] = /serial=(.*)/.exec(facts) ?? []
      expect(html).toContain(`<code>${fingerprint}</code>`)
      expect(html).toContain(`<code>${(serial.match(/../g) ?? []).join(':')}</code>`)
    }
    const spki = await output('sh', [
      '-c',
      `openssl x509 -in "$0" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -c`,
      pki.path('local-ca.pem'),
    ])
    expect(html).toContain(`<code>${spki.trim().replace(/^.*= /, '').toUpperCase()}</code>`)
  })

  test('has the states of all certificates, and keeps disabled and revoked device CAs', async () => {
    const pki = await copiedPki()
    const serialOf = async (name: string) => BigInt(`0x${(await x509(pki.path(name), '-serial')).replace(/^.*=/, '')}`)
    const [disabled, revoked] = [await serialOf('online-crt'), await serialOf('local-ca.pem')].map(String)
    const standings = { disabledCaSerials: [disabled], revokedCaSerials: [revoked] }
    await editJson(pki.path('.fpki/state.json'), (content) => ({ ...content, ...standings }))
    const directory = await inspectDirectory(thisMachine().files, pki.directory)
    const states = async (time: number) => {
      const { certificates } = await readCertificates(directory, { now: new Date(time), warnDays: WARN_DAYS })
      return certificates.map(({ state }) => state)
    }
    const { certificates } = await reportOn(pki.directory)
    const { notBefore = '', notAfter = '' } = certificates[1] ?? {}
    const [begin, end] = [Date.parse(notBefore), Date.parse(notAfter)]
    expect(certificates.map(({ state }) => state)).toEqual(['valid', 'valid', 'disabled', 'revoked'])
    expect(await states(begin)).toEqual(['valid', 'valid', 'disabled', 'revoked'])
    expect(await states(begin - DAY)).toEqual(['not-yet-valid', 'not-yet-valid', 'disabled', 'revoked'])
    expect(await states(end - WARN_DAYS * DAY)).toEqual(['valid', 'valid', 'disabled', 'revoked'])
    expect(await states(end - WARN_DAYS * DAY + 1)).toEqual(['valid', 'expiring', 'disabled', 'revoked'])
    expect((await states(end + 1000))[1]).toBe('expired')
    // The others may be a second younger than the first.
    expect(await states(end + DAY)).toEqual(['valid', 'expired', 'expired', 'revoked'])
  })

  test('counts devices by line and month', async () => {
    const pki = await copiedPki()
    await withRegister(pki.directory, (register) => register.lines.create('a', UNLIMITED, Date.UTC(2026, 5, 1)))
    const devices = [1, 2, 3].map((number) => ({ uuid: uuidNumber(number), isProduction: number === 1 }))
    await recordDevices(pki.directory, devices, { line: 'a', at: Date.UTC(2026, 6, 31, 23) })
    await recordDevices(pki.directory, [{ uuid: uuidNumber(4) }], { line: 'a', at: Date.UTC(2026, 7, 1) })
    await recordDevices(pki.directory, [{ uuid: uuidNumber(5) }], { at: Date.UTC(2026, 6, 1) })
    const report = await reportOn(pki.directory)
    expect(report.devices).toMatchObject({ devices: 5, production: 1, certificates: 5 })
    expect(report.devices?.months).toEqual([
      { line: 'a', month: '2026-07', devices: 3, production: 1 },
      { line: 'a', month: '2026-08', devices: 1, production: 0 },
      { line: 'default', month: '2026-07', devices: 1, production: 0 },
    ])
    expect(renderReport(report, 'csv')).toContain('devices,3.1,Line,a\r\n')
    const lines = [lineOf('b', report.certificates.at(-1)?.fingerprint ?? null), lineOf('c', 'ff')]
    const csv = renderReport({ ...report, devices: report.devices && { ...report.devices, lines } }, 'csv')
    expect(csv.match(/(?<=,Device CA,).*/g)?.map((one) => one.trim())).toEqual(['local-ca.pem', 'SHA-256 ff'])
  })

  test('knows keys that are encrypted, in a token, in a kit or missing', async () => {
    const pki = await copiedPki()
    const state = pki.path('.fpki/state.json')
    const place = { kind: 'pkcs11', module: '/m.so', tokenLabel: 'safe', tokenSerial: '0a1b' }
    const token = { ...place, keyLabel: 'root-ca', keyId: '01' }
    await chmod(state, 0o600)
    await editJson(state, (content) => ({ ...content, rootKey: token }))
    const key = pki.path('local-ca.key')
    await chmod(key, 0o600)
    const pass = ['-v2', 'aes-256-cbc', '-passout', 'pass:nine lives of a fish']
    await writeFile(key, await output('openssl', ['pkcs8', '-topk8', '-in', key, ...pass]))
    const { keys } = await reportOn(pki.directory)
    expect(keys[0]).toMatchObject({
      place: 'token',
      file: 'factory_ca.key',
      text: 'token "safe", serial 0a1b, key "root-ca"; ALSO file factory_ca.key, NOT ENCRYPTED',
      token: { label: 'safe', serial: '0a1b', key: 'root-ca' },
    })
    expect(keys.at(-1)).toMatchObject({ place: 'encrypted-file', text: 'file local-ca.key, encrypted' })
    for (const name of [key, pki.path('factory_ca.key')]) await rm(name)
    expect((await reportOn(pki.directory)).keys[0]).toMatchObject({
      ...{ place: 'token', file: null, text: 'token "safe", serial 0a1b, key "root-ca"' },
    })
    expect((await reportOn(pki.directory)).keys.at(-1)).toMatchObject({ place: 'unknown' })
    await editJson(state, (content) => ({ ...content, movedKeys: ['local-ca.key'] }))
    expect((await reportOn(pki.directory)).keys.at(-1)).toMatchObject({ place: 'kit' })
  })

  test('does not call a certificate valid that the root has not signed', async () => {
    const pki = await copiedPki()
    await forge(pki, 'plant.pem', { stolen: true })
    const report = await reportOn(pki.directory)
    expect(report.certificates.map(({ name, state }) => [name, state])).toContainEqual(['plant.pem', 'unverified'])
    const markdown = renderReport(report, 'md')
    expect(markdown).toContain('of these: plant.pem (SIGNATURE NOT VERIFIED)')
    const root = new X509Certificate(await readFile(pki.path('factory_ca.pem')))
    const forged = Buffer.from(root.raw)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    await put(pki.path('factory_ca.pem'), encodePem('CERTIFICATE', forged))
    expect((await reportOn(pki.directory)).certificates[0]).toMatchObject({ role: 'root', state: 'unverified' })
    expect(markdown).toMatch(/c\d\["plant\.pem<br\/>[^"]*>SIGNATURE NOT VERIFIED</)
  })

  test('says which keys are not those of their certificates, or have none', async () => {
    const pki = await copiedPki()
    await output('cp', ['-f', pki.path('factory_ca.key'), pki.path('local-ca.key')])
    await output('cp', [pki.path('factory_ca.key'), pki.path('old.key')])
    const report = await reportOn(pki.directory)
    expect(report.keys.slice(-2)).toMatchObject([
      {
        ...{ certificate: 'local-ca.pem', place: 'unknown', file: 'local-ca.key' },
        text: 'file local-ca.key, NOT ENCRYPTED, which is ANOTHER KEY',
      },
      { certificate: 'old.pem', place: 'file', file: 'old.key', publicKey: null },
    ])
    expect(report.keys[1]?.text).toMatch(
      /^operator of the device gateway; an unencrypted file of the embedded Factory API in \//,
    )
  })

  test('says that a root key was not tested that is encrypted or missing', async () => {
    const pki = await copiedPki()
    const codes = async () => (await reportOn(pki.directory)).findings.map(({ code, status }) => [code, status])
    expect((await codes()).flat()).not.toContain('root-key.skipped')
    const pass = ['-v2', 'aes-256-cbc', '-passout', 'pass:nine lives of a fish']
    // The key of another root, which nobody can tell without the passphrase.
    const encrypted = await output('openssl', ['pkcs8', '-topk8', '-in', pki.path('local-ca.key'), ...pass])
    await put(pki.path('factory_ca.key'), encrypted)
    expect(await codes()).toContainEqual(['root-key.skipped', 'notice'])
    const message = async () =>
      (await reportOn(pki.directory)).findings.find(({ code }) => code === 'root-key.skipped')?.message
    expect(await message()).toBe('The root key was not tested: a report uses no passphrase and no token.')
    await rm(pki.path('factory_ca.key'))
    expect(await message()).toBe('The root key was not tested: it is not in this directory, and no token is recorded.')
  })

  test('has the factory of the directory, and finds that it is not the one of an option', async () => {
    const { directory } = await copiedPki()
    const options = { directory, store: null, factory: 'other', warnDays: WARN_DAYS }
    const report = await readReport(options, thisMachine())
    expect(report.factory).toBe('acme')
    expect(report.findings.map(({ code }) => code)).toContain('profile.factory')
  })

  test('has the head of the audit log and its signature, which OpenSSL verifies', async () => {
    const pki = await copiedPki()
    const markdown = renderReport(await reportOn(pki.directory), 'md')
    const fact = (name: string) =>
      new RegExp(`^- ${name}: (?:up to line )?\`?([\\w+/=]+)`, 'm').exec(markdown)?.[1] ?? ''
    const at = (name: string) => join(pki.home.path, name)
    const hash = fact('SHA-256 of that line')
    const lines = (await readFile(pki.path('.fpki/log.jsonl'), 'utf8')).trimEnd().split('\n')
    await writeFile(at('line'), lines[Number(fact('Signed by the root')) - 1] ?? '')
    expect((await output('sha256sum', [at('line')])).slice(0, 64)).toBe(hash)
    await writeFile(at('signed'), `fpki audit-log 1\n${fact('Signed by the root')}\n${hash}\n`)
    await writeFile(at('sig'), Buffer.from(fact('Signature \\(DER, base64\\)'), 'base64'))
    await writeFile(at('root.pub'), await x509(pki.path('factory_ca.pem'), '-pubkey'))
    const words = ['dgst', '-sha256', '-verify', at('root.pub'), '-signature', at('sig'), at('signed')]
    expect(await output('openssl', words)).toBe('Verified OK\n')
  })

  test('has the date of the last proof of a backup', async () => {
    const pki = await backedUpPki()
    const proof = async () => /^- Last proof: (.*)$/m.exec(renderReport(await reportOn(pki.directory), 'md'))?.[1]
    expect(await proof()).toBe('never checked')
    const path = pki.path('.fpki/backup.json')
    await editJson(path, (backup) => ({ ...backup, provedAt: '2098-02-03T04:05:06Z' }))
    expect(await proof()).toBe('checked 2098-02-03T04:05:06Z')
    await editJson(path, (backup) => ({ ...backup, rootKeyUnproven: 'in-token' }))
    expect(await proof()).toBe('checked 2098-02-03T04:05:06Z, except for the root key, which is in a token')
  })

  test('does not say that nothing has changed since a backup, where it cannot know', async () => {
    const pki = await backedUpPki()
    const markdown = renderReport(await reportOn(pki.directory), 'md')
    expect(markdown).toContain('- Changes since: fpki has changed no keys or certificates; devices')
  })

  test('with everything wrong is a report all the same', async () => {
    const pki = await copiedPki()
    const garbage = ['tls-crt', 'online-crt', 'factory_ca.key', 'devices.sqlite']
    const records = ['.fpki/log.jsonl', '.fpki/log.head', '.fpki/backup.json', '.fpki/state.json']
    for (const name of [...garbage, ...records]) await spoil(pki.path(name))
    const report = await reportOn(pki.directory, new Date('2090-01-01T00:00:00Z'))
    expect(report.result).toBe('failure')
    expect(report.keys[0]).toMatchObject({ place: 'unreadable-file' })
    expect(report.certificates.map(({ name, state }) => [name, state])).toEqual([
      ['factory_ca.pem', 'expired'],
      ['local-ca.pem', 'expired'],
    ])
    expect(report.auditLog?.problems).not.toEqual([])
    const summary = renderReport(report, 'md').split('\n## ')[1]
    expect(summary).toMatch(/^- Audit: FAILED: \d+ failures, \d+ warnings?$/m)
    expect(summary).toMatch(/^- Lint: \d+ errors/m)
    expect(summary).toMatch(/^- Root key: file factory\\_ca\.key, which is not a readable key$/m)
    expect(summary).toMatch(/^- Audit log: DAMAGED: \d+ problems?$/m)
    expect(report.findings.map(({ code }) => code)).toContain('devices.unreadable')
    expect(await problemsOf(renderReport(report, 'html'))).toEqual([])
    await spoil(pki.path('factory_ca.pem'))
    // A self-signed certificate would verify with itself.
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', pki.path('self.key')]
    await output('openssl', ['req', '-x509', ...ec, '-subj', '/CN=self/OU=acme', '-out', pki.path('self.pem')])
    const rootlessReport = await reportOn(pki.directory, at)
    expect(rootlessReport.certificates.map(({ signedByRoot, state }) => [signedByRoot, state])).toEqual([
      ...[
        [false, 'unverified'],
        [false, 'unverified'],
      ],
    ])
    expect(rootlessReport.keys).toContainEqual({
      ...{ certificate: 'factory_ca.pem', place: 'unreadable-file', file: 'factory_ca.key', token: null },
      ...{ text: expect.stringMatching(/its certificate is missing or unreadable$/), publicKey: null },
    })
    const rootless = renderReport(rootlessReport, 'html')
    expect(renderReport(rootlessReport, 'md')).toMatch(/^- Root key: .*its certificate is missing or unreadable$/m)
    expect(rootless).toContain('>MISSING OR UNREADABLE</text>')
    expect(rootless).toContain('(NOT CHECKED: the root certificate is missing or unreadable)')
    expect(await problemsOf(rootless)).toEqual([])
  })

  test.each(FIOCTL_PKIS)('is written for the PKI of fioctl with its root key in a %s', async (kind) => {
    const directory = join(await temporaryDirectory(), 'pki')
    await cp(fioctlPath(kind, 'pki'), directory, { recursive: true })
    const report = await reportOn(directory, at)
    expect(report).toMatchObject({ factory: 'acme', auditLog: null, backup: null })
    expect(report.keys[0]?.place).toBe(kind === 'file' ? 'file' : 'unknown')
    expect(await problemsOf(renderReport(report, 'html'))).toEqual([])
  })

  test('marks a certificate that another root signed', async () => {
    const pki = await copiedPki()
    const other = fioctlPath('file', 'pki/local-ca.pem')
    await cp(other, pki.path('stranger.pem'))
    const report = await reportOn(pki.directory)
    expect(report.certificates.map(({ name, state }) => [name, state])).toContainEqual(['stranger.pem', 'unverified'])
    expect(renderReport(report, 'html')).toContain('>SIGNATURE NOT VERIFIED</text>')
    expect(renderReport(report, 'md').match(/^- Issuer: .*NOT SIGNED BY THE ROOT/gm)).toHaveLength(1)
  })

  test('of something that is no PKI is refused', async () => {
    await expect(reportOn(await temporaryDirectory())).rejects.toMatchObject({ code: 'ERR_NOT_INITIALIZED' })
  })
})

let written: PkiReport | null = null

/** The report on a PKI that was just created, which is read once. */
async function newReport(): Promise<PkiReport> {
  written ??= await reportOn((await copiedPki()).directory)
  return written
}

describe('a rendered report', () => {
  test('is the same for the same directory and time, in every format', async () => {
    const pki = await copiedPki()
    const [first, second] = [await reportOn(pki.directory, at), await reportOn(pki.directory, at)]
    for (const format of REPORT_FORMATS) expect(renderReport(first, format)).toBe(renderReport(second, format))
  })

  test('as HTML is valid, and loads and runs nothing', async () => {
    const html = renderReport(await newReport(), 'html')
    expect(await problemsOf(html)).toEqual([])
    expectInert(html)
  })

  test('as HTML is valid and inert whatever the names are', async () => {
    const html = renderReport(hostile(await newReport()), 'html')
    expect(await problemsOf(html)).toEqual([])
    expectInert(html)
    expect(html).toContain('&#60;script&#62;alert(1)')
    expect(html).toContain('abc\\u202edef')
  })

  test('as CSV has no formulas, and the same values as the report', async () => {
    const csv = renderReport(hostile(await newReport()), 'csv')
    const rows: readonly string[][] = parse(csv, { record_delimiter: '\r\n' })
    expect(rows[0]).toEqual(['section', 'item', 'name', 'value'])
    expect(rows.flat().filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([])
    expect(rows.filter(([section, , name]) => section === 'lint' && name === 'Finding')).toHaveLength(
      Object.keys(HOSTILE).length,
    )
    expect(rows).toContainEqual(['lint', '1.8', 'Finding', `'${HOSTILE.formula}`])
  })

  test('says that another CA has signed the root of a company, which is trusted', async () => {
    const report = await newReport()
    const [root, ...others] = report.certificates
    if (root === undefined) throw new Error('no root')
    const ofCompany = { ...root, issuer: 'CN=Company', signedByRoot: false }
    const markdown = renderReport({ ...report, certificates: [ofCompany, ...others] }, 'md')
    expect(markdown).toContain(
      '- Issuer: CN=Company (signed by another CA, not examined: the root is the trust anchor)',
    )
    const place = { role: 'root', name: 'factory_ca.pem', current: true, standing: 'accepted' } as const
    const facts = { ...ofCompany, pem: '', subjectEncodings: [], serial: '', ca: true, pathLenConstraint: null }
    const more = { keyUsage: [], extKeyUsage: [], subjectAltNames: [] }
    const ids = { subjectKeyIdentifier: null, authorityKeyIdentifier: null }
    const now = { now: new Date(root.notBefore), warnDays: WARN_DAYS }
    expect(hierarchyCertificateOf({ ...facts, ...more, ...ids }, place, now).state).toBe('valid')
  })

  test('as Markdown has hostile names as text only', async () => {
    const markdown = renderReport(hostile(await newReport()), 'md')
    const prose = markdown.replace(/```mermaid[\s\S]*?\n```/, '')
    expect(prose).not.toMatch(/(?<!\\)<|(?<!\\)\]\(|https?:\/\/a|@/)
    expect(prose).toContain('\\[a\\](http\\://a.example) \\<b\\> \\`c\\` \\| \\\\u0040d')
    const tables = prose.split('\n').filter((line) => line.startsWith('|'))
    expect(tables.filter((line) => !/^\| .* \|$/.test(line))).toEqual([])
  })

  test('as JSON is the report with the version of its schema', async () => {
    const report = await newReport()
    expect(JSON.parse(renderReport(report, 'json'))).toEqual({ schemaVersion: 1, ...report })
  })

  test('of 100 device CAs has each of them once in each picture', async () => {
    const report = await newReport()
    const many = Array.from({ length: 100 }, (_, at) => pictured({ name: `plant-${at}.pem` }))
    const certificates = many.map((one) => ({ ...one, profile: 'device CA', publicKey: one.fingerprint }))
    const html = renderReport({ ...report, certificates: [...report.certificates, ...certificates] }, 'html')
    expect(html.match(/>plant-\d+\.pem<\/text>/g)).toHaveLength(200)
    expect(await problemsOf(html)).toEqual([])
  })

  test('maps its sections to headings of standards, and claims nothing', async () => {
    const report = await newReport()
    expect(new Set(report.evidence.map(({ standard }) => standard)).size).toBe(4)
    for (const format of ['html', 'md'] satisfies ReportFormat[])
      expect(renderReport(report, format)).toContain('It does not claim that anything conforms')
    expect(report.evidence.flatMap(({ sections }) => sections).filter((id) => !(id in SECTION_TITLES))).toEqual([])
  })
})

/** The page has no element or attribute that runs, loads or leads out of the page. */
function expectInert(html: string): void {
  const tags = (html.match(/<[a-z][^>]*>/gi) ?? []).map((tag) => tag.replace(/="[^"#][^"]*"/g, '="value"'))
  const names = new Set(tags.map((tag) => /^<([a-z0-9]+)/i.exec(tag)?.[1]))
  expect(
    [...names].filter((name) => ['script', 'img', 'link', 'iframe', 'object', 'base', 'use'].includes(name ?? '')),
  ).toEqual([])
  expect(tags.filter((tag) => /\s(?:on\w+|src|style)=/.test(tag))).toEqual([])
  expect(tags.filter((tag) => /href="(?!#)/.test(tag))).toEqual([])
  expect(html).not.toMatch(/url\(|@import/)
}

describe('fpki ca report', () => {
  test('writes a page that the root has signed, as OpenSSL verifies, and the audit log says so', async () => {
    const pki = await copiedPki()
    const out = join(pki.home.path, 'report.html')
    const { status, stdout } = await pki.home.fpki(['ca', 'report', pki.directory, '--out', out, '--sign', '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ format: 'html', file: out, signatureFile: `${out}.sig`, hash: 'sha256' })
    await writeFile(join(pki.home.path, 'root.pub'), await x509(pki.path('factory_ca.pem'), '-pubkey'))
    const verify = ['dgst', '-sha256', '-verify', join(pki.home.path, 'root.pub'), '-signature', `${out}.sig`, out]
    expect(await output('openssl', verify)).toBe('Verified OK\n')
    const sum = (await output('sha256sum', [out])).slice(0, 64)
    expect((await pki.home.fpki(['ca', 'log', pki.directory])).stdout).toContain(`Signs a report; SHA-256 ${sum}`)
    expect((await pki.home.fpki(['ca', 'log', 'verify', pki.directory])).status).toBe(0)
  })

  test('writes the format that the name of the file says, unless --format does', async () => {
    const pki = await copiedPki()
    const beginning = async (name: string, ...flags: readonly string[]) => {
      const out = join(pki.home.path, name)
      expect((await pki.home.fpki(['ca', 'report', pki.directory, '--out', out, ...flags])).status).toBe(0)
      return (await readFile(out, 'utf8')).slice(0, 24)
    }
    expect(await beginning('REPORT.MD')).toBe('# Report on the PKI of t')
    expect(await beginning('report.csv')).toBe('section,item,name,value\r')
    expect(await beginning('report.txt')).toBe('<!DOCTYPE html>\n<html la')
    expect(await beginning('OTHER.MD', '--format', 'html')).toBe('<!DOCTYPE html>\n<html la')
  })

  test('writes no file that exists, and signs nothing for stdout', async () => {
    const pki = await copiedPki()
    const before = await readFile(pki.path('.fpki/log.jsonl'), 'utf8')
    const out = join(pki.home.path, 'report.html')
    await writeFile(`${out}.sig`, 'mine')
    const refused = await pki.home.fpki(['ca', 'report', pki.directory, '--out', out, '--sign'])
    expect(refused.stderr).toContain('ERR_EXISTS')
    for (const file of [pki.path('est-tls-crt'), pki.path('.fpki/backup.json'), pki.directory]) {
      const inside = await pki.home.fpki(['ca', 'report', pki.directory, '--out', file, '--sign'])
      expect(inside).toMatchObject({ status: 2, stderr: expect.stringContaining('in the PKI directory') })
    }
    const unsigned = await pki.home.fpki(['ca', 'report', pki.directory, '--sign'])
    expect(unsigned).toMatchObject({ status: 2, stdout: '' })
    expect(unsigned.stderr).toContain('Refusing to sign a report that is not written to a file.')
    expect(await readFile(pki.path('.fpki/log.jsonl'), 'utf8')).toBe(before)
  })
})

describe('fpki ca show', () => {
  test('draws the hierarchy with the files, revoked device CAs and lines of a directory', async () => {
    const pki = await copiedPki()
    await pki.home.fpki(['lines', 'create', pki.directory, 'site-a'])
    await pki.home.fpki(['ca', 'add-device-ca', pki.directory, '--local-ca', '--local-ca-filename', 'plant-b'])
    await pki.home.fpki(['ca', 'revoke-device-ca', pki.directory, '--ca-file', 'plant-b', '--yes'])
    const out = join(pki.home.path, 'acme.svg')
    expect((await pki.home.fpki(['ca', 'show', pki.directory, '--svg', out])).status).toBe(0)
    const svg = await readFile(out, 'utf8')
    for (const text of ['factory_ca.pem', 'local-ca.pem', 'plant-b.pem', 'REVOKED', 'line site-a'])
      expect(svg).toContain(`>${text}</text>`)
    expect((await pki.home.fpki(['ca', 'show', pki.directory, '--svg', out])).stderr).toContain('ERR_EXISTS')
    // Also when only the Factory API is asked.
    const inside = await pki.home.fpki(['ca', 'show', '--mermaid', pki.path('est-tls-crt')])
    expect(inside).toMatchObject({ status: 2, stderr: expect.stringContaining('in the PKI directory') })
    const { stdout } = await pki.home.fpki(['ca', 'show', '--mermaid', '-'])
    expect(stdout).toMatch(/^flowchart TD\n {2}root\["factory#95;ca<br\/>/)
    expect((await pki.home.fpki(['ca', 'show', '--svg', '-', '--json'])).stdout).toContain('mutually exclusive')
  })
})
