import { execFileSync } from 'node:child_process'
import { chmod, cp, mkdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { thisMachine } from '../../src/machine/index.js'
import { type PkiStatusResult, pkiStatusResult } from '../../src/operations/audit/status-pki.js'
import { output } from '../support/cli.js'
import { recordDevices, uuidNumber } from '../support/device-register.js'
import { editJournal } from '../support/journal.js'
import { parsePrometheus } from '../support/prometheus.js'
import { forge, put } from './forge.js'
import { copiedPki, editCertificates, type Made } from './made.js'
import { ordinaryUser } from './ordinary-user.js'
import { snapshot } from './snapshot.js'

async function statusJson(
  pki: Made,
  words: readonly string[],
): Promise<{ status: number | null; document: PkiStatusResult; stderr: string }> {
  const { status, stdout, stderr } = await pki.home.fpki(['ca', 'status', '--json', ...words])
  return { status, stderr, document: pkiStatusResult.parse(JSON.parse(stdout)) }
}

/** When a certificate expires, according to OpenSSL. */
function endOf(pki: Made, name: string): number {
  const text = execFileSync('openssl', [
    'x509',
    '-in',
    pki.path(name),
    '-noout',
    '-enddate',
    '-dateopt',
    'iso_8601',
  ]).toString()
  return Date.parse(text.replace('notAfter=', '').trim().replace(' ', 'T'))
}

const FILES = ['factory_ca.pem', 'local-ca.pem', 'online-crt', 'tls-crt']

function interrupt(pki: Made): Promise<unknown> {
  return editJournal(pki.directory, (journal) => ({ ...journal, finishedAt: null }))
}

/** What is done to a PKI, and the resulting exit code. */
const CASES: readonly (readonly [what: string, breakIt: (pki: Made) => Promise<unknown>, status: number])[] = [
  ['a new PKI', async () => undefined, 0],
  ['a server that expires in 59 days', (pki) => forge(pki, 'tls-crt', { until: 59.5 }), 10],
  ['a server that expires in 60 days', (pki) => forge(pki, 'tls-crt', { until: 60.5 }), 0],
  ['a server that has expired', (pki) => forge(pki, 'tls-crt', { from: -9, until: -0.1 }), 11],
  ['a device CA that has expired', (pki) => forge(pki, 'site-b.pem', { from: -9, until: -1 }), 11],
  [
    'a server for EST that expires soon',
    async (pki) => {
      await pki.home.fpki(['est', 'authorize', pki.directory])
      await forge(pki, 'est-tls-crt', { until: 9 })
    },
    10,
  ],
  [
    'a server that expires soon, and a CA that has expired',
    async (pki) => {
      await forge(pki, 'tls-crt', { until: 9 })
      await forge(pki, 'site-b.pem', { from: -9, until: -1 })
    },
    11,
  ],
  [
    'an earlier server that has expired',
    async (pki) => {
      const tls = await pki.text('tls-crt')
      await forge(pki, 'tls-crt', { from: -9, until: -1 })
      await rename(pki.path('tls-crt'), pki.path('tls-crt.bak'))
      await put(pki.path('tls-crt'), tls)
    },
    0,
  ],
  ['a server that is valid from tomorrow', (pki) => forge(pki, 'tls-crt', { from: 1 }), 11],
  ['no tls-crt', (pki) => unlink(pki.path('tls-crt')), 6],
  [
    'an interrupted create without tls-crt',
    async (pki) => {
      await interrupt(pki)
      await unlink(pki.path('tls-crt'))
    },
    3,
  ],
  [
    'an interrupted create without factory_ca.pem',
    async (pki) => {
      await interrupt(pki)
      await unlink(pki.path('factory_ca.pem'))
    },
    3,
  ],
  ['an interrupted command', interrupt, 10],
  [
    'no keys',
    async (pki) => {
      await unlink(pki.path('factory_ca.key'))
      await unlink(pki.path('local-ca.key'))
    },
    0,
  ],
  ['a broken certificate', (pki) => put(pki.path('tls-crt'), 'not PEM'), 6],
  ['a certificate of 10 MB', (pki) => put(pki.path('tls-crt'), 'x'.repeat(10_000_000)), 6],
  [
    'a certificate that is a link to /dev/zero',
    async (pki) => {
      await unlink(pki.path('tls-crt'))
      await symlink('/dev/zero', pki.path('tls-crt'))
    },
    6,
  ],
  [
    'a certificate that is a pipe',
    async (pki) => {
      await unlink(pki.path('tls-crt'))
      await output('mkfifo', [pki.path('tls-crt')])
    },
    6,
  ],
  [
    'a broken certificate, and a server that expires soon',
    async (pki) => {
      await put(pki.path('online-crt'), 'not PEM')
      await forge(pki, 'tls-crt', { until: 9 })
    },
    6,
  ],
  [
    'a broken certificate, and a CA that has expired',
    async (pki) => {
      await put(pki.path('tls-crt'), 'not PEM')
      await forge(pki, 'site-b.pem', { from: -9, until: -1 })
    },
    11,
  ],
  ['no root certificate', (pki) => unlink(pki.path('factory_ca.pem')), 3],
  ['a broken state.json', (pki) => put(pki.path('.fpki/state.json'), '{', 0o600), 6],
]

describe('the exit code for', () => {
  test.each(CASES)('%s', async (_, breakIt, expected) => {
    const pki = await copiedPki()
    await breakIt(pki)
    const before = await snapshot(pki.home.path)
    const { status } = await statusJson(pki, [pki.directory])
    expect(status).toBe(expected)
    for (const form of [[], ['--prometheus'], ['--quiet']]) {
      expect((await pki.home.fpki(['ca', 'status', pki.directory, ...form])).status).toBe(expected)
    }
    expect(await snapshot(pki.home.path)).toEqual(before)
  })
})

describe('ca status', () => {
  test('reports when each certificate expires, as OpenSSL does', async () => {
    const pki = await copiedPki()
    const { document } = await statusJson(pki, [pki.directory])
    const [only] = document.pkis
    expect(only).toMatchObject({ directory: pki.directory, factory: 'acme', unfinished: null, problems: [] })
    expect(only?.certificates.map(({ file }) => file)).toEqual(FILES)
    for (const { file, notAfter, daysLeft } of only?.certificates ?? []) {
      const end = endOf(pki, file ?? '')
      expect(Date.parse(notAfter)).toBe(end)
      expect(daysLeft).toBe(Math.floor((end - Date.parse(document.checkedAt)) / 86_400_000))
    }
  })

  test('queries the Factory API without a directory', async () => {
    const pki = await copiedPki()
    const { status, document } = await statusJson(pki, [])
    expect(status).toBe(0)
    expect(document.pkis).toMatchObject([{ directory: null, factory: 'acme', problems: [] }])
    expect(document.pkis[0]?.certificates.map(({ role }) => role)).toEqual(['root', 'tls', 'online-ca', 'local-ca'])
    const unknown = await pki.home.fpki(['ca', 'status', '--json', '--factory', 'other'])
    expect({ status: unknown.status, code: JSON.parse(unknown.stdout).error.code }).toEqual({
      status: 3,
      code: 'ERR_NOT_INITIALIZED',
    })
  })

  test('ignores a disabled device CA', async () => {
    const pki = await copiedPki()
    await forge(pki, 'site-b.pem', { from: -9, until: -1, serial: '5A0B' })
    const caCrt = (await pki.text('local-ca.pem')) + (await pki.text('site-b.pem'))
    await editCertificates(pki, { caCrt })
    expect((await statusJson(pki, [])).status).toBe(11)
    await editCertificates(pki, { caCrt, disabledCaSerials: [`${0x5a0b}`] })
    const { status, document } = await statusJson(pki, [])
    expect(status).toBe(0)
    expect(document.pkis[0]?.certificates.filter(({ disabled }) => disabled)).toMatchObject([
      { serial: `${0x5a0b}`, state: 'fine' },
    ])
    const { stdout } = await pki.home.fpki(['ca', 'status'])
    expect(stdout).toMatch(/local-ca .* disabled$/m)
  })

  test('reports several directories once each, and unreadable ones', async () => {
    const pki = await copiedPki()
    const [second, missing] = [join(pki.home.path, 'second'), join(pki.home.path, 'missing')]
    await cp(pki.directory, second, { recursive: true })
    await chmod(second, 0o700)
    const { status, document } = await statusJson(pki, [pki.directory, second, missing, `${pki.directory}/`])
    expect(status).toBe(3)
    expect(document.pkis.map(({ directory, problems }) => [directory, problems.map(({ code }) => code)])).toEqual([
      [pki.directory, []],
      [second, []],
      [missing, ['ERR_NOT_A_DIRECTORY']],
    ])
    const inWords = await pki.home.fpki(['ca', 'status', pki.directory, missing])
    expect(inWords.stdout).toContain('factory_ca.pem')
    expect(inWords.stderr).toMatch(/missing does not exist\. \[ERR_NOT_A_DIRECTORY\]/)
  })

  test('marks what expires soon and what has expired; --quiet omits the rest', async () => {
    const pki = await copiedPki()
    await forge(pki, 'tls-crt', { until: 9.5 })
    await forge(pki, 'online-crt', { from: -9, until: -1.5 })
    const { stdout } = await pki.home.fpki(['ca', 'status', pki.directory, '--quiet'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toEqual([
      `Factory acme, ${pki.directory}`,
      expect.stringMatching(/^ {2}online-crt +online-ca +\S+ +-2 days {2}EXPIRED$/),
      expect.stringMatching(/^ {2}tls-crt +tls +\S+ +9 days {2}EXPIRES SOON$/),
    ])
  })

  test('reports an interrupted command', async () => {
    const pki = await copiedPki()
    await editJournal(pki.directory, (journal) => ({ ...journal, finishedAt: null }))
    expect((await pki.home.fpki(['ca', 'status', pki.directory])).stdout).toContain(
      `\`fpki ca create\` was interrupted; to finish: fpki ca resume ${pki.directory}\n`,
    )
  })

  test('does not report certificates as fine before they are valid', async () => {
    const pki = await copiedPki()
    await forge(pki, 'factory_ca.pem', { from: 1, key: 'factory_ca.key' })
    for (const file of FILES.slice(1)) await forge(pki, file, { from: 1 })
    const [rootCrt, local, online, tlsCrt] = await Promise.all(FILES.map(pki.text))
    await editCertificates(pki, { rootCrt, tlsCrt, caCrt: `${online}${local}` })
    const at = (words: readonly string[]) => pki.home.fpki(['ca', 'status', ...words])
    const [json, words, quiet, api, metrics] = await Promise.all([
      at([pki.directory, '--json']),
      at([pki.directory]),
      at([pki.directory, '--quiet']),
      at(['--json']),
      at([pki.directory, '--prometheus']),
    ])
    expect([json, words, quiet, api, metrics].map(({ status }) => status)).toEqual([11, 11, 11, 11, 11])
    for (const { stdout } of [json, api]) {
      const { state, pkis } = pkiStatusResult.parse(JSON.parse(stdout))
      expect(state).toBe('not-yet-valid')
      const certificates = pkis.flatMap((one) => one.certificates.map((two) => [two.state, two.notYetValid]))
      expect(certificates).toEqual(FILES.map(() => ['not-yet-valid', true]))
    }
    for (const { stdout } of [words, quiet]) expect(stdout.match(/ NOT VALID YET$/gm)).toHaveLength(4)
    const samples = parsePrometheus(metrics.stdout)
    const values = (name: string) => samples.flatMap(({ metric, value }) => (metric === name ? [value] : []))
    expect(values('fpki_certificate_valid')).toEqual([0, 0, 0, 0])
    expect(values('fpki_certificate_expiring')).toEqual([0, 0, 0, 0])
  })

  test('reports missing files as text, JSON and metrics', async () => {
    const pki = await copiedPki()
    await unlink(pki.path('tls-crt'))
    const { document } = await statusJson(pki, [pki.directory])
    expect(document).toMatchObject({
      state: 'problem',
      pkis: [{ unfinished: null, problems: [{ file: 'tls-crt', code: 'ERR_BAD_FILE' }] }],
    })
    const { stderr } = await pki.home.fpki(['ca', 'status', pki.directory])
    expect(stderr).toContain(`${pki.directory} has no tls-crt. [ERR_BAD_FILE]`)
    await interrupt(pki)
    const open = await statusJson(pki, [pki.directory])
    expect(open.document).toMatchObject({
      state: 'problem',
      pkis: [{ unfinished: 'ca create', problems: [{ file: 'tls-crt', code: 'ERR_UNFINISHED' }] }],
    })
    const { stdout } = await pki.home.fpki(['ca', 'status', pki.directory, '--prometheus'])
    const pkiMetrics = parsePrometheus(stdout).map(({ metric, value }) => [metric, value])
    expect(pkiMetrics).toContainEqual(['fpki_pki_problems', 1])
    expect(pkiMetrics).toContainEqual(['fpki_pki_unfinished', 1])
  })

  test('reports a Factory API without tls-crt', async () => {
    const pki = await copiedPki()
    await editCertificates(pki, { tlsCrt: null })
    const { status, document } = await statusJson(pki, [])
    expect(status).toBe(3)
    expect(document).toMatchObject({ state: 'problem', pkis: [{ problems: [{ code: 'ERR_NOT_INITIALIZED' }] }] })
  })

  test('does not report a running command as interrupted', async () => {
    const pki = await copiedPki()
    await interrupt(pki)
    const lock = await pkiDirectory(thisMachine().files, pki.directory).lock()
    try {
      const { status, document } = await statusJson(pki, [pki.directory])
      expect({ status, unfinished: document.pkis[0]?.unfinished }).toEqual({ status: 0, unfinished: null })
    } finally {
      await lock.release()
    }
    expect((await statusJson(pki, [pki.directory])).document.state).toBe('unfinished')
  })

  test('separates columns even with a long name and a root until 9999', async () => {
    const pki = await copiedPki()
    await forge(pki, 'a-site-with-a-rather-long-name.pem', { until: 2_912_111 - 1 })
    const { stdout } = await pki.home.fpki(['ca', 'status', pki.directory])
    expect(stdout).toMatch(/^ {2}a-site-with-a-rather-long-name\.pem {2}local-ca +9999-\d\d-\d\d +29\d{5} days$/m)
  })

  test('works without read permission for the keys', async () => {
    const user = await ordinaryUser()
    const { directory } = await copiedPki()
    const copy = join(user.path, 'acme')
    await mkdir(copy)
    for (const name of FILES) await writeFile(join(copy, name), await readFile(join(directory, name)))
    await writeFile(join(copy, 'factory_ca.key'), '', { mode: 0o000 })
    await chmod(copy, 0o755)
    expect(await user.fpki(['ca', 'status', copy])).toMatchObject({ status: 0, stderr: '' })
  })

  test('refuses mutually exclusive options', async () => {
    const { home } = await copiedPki()
    const { status, stdout } = await home.fpki(['ca', 'status', '--json', '--prometheus'])
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({ status: 2, code: 'ERR_USAGE' })
  })

  test('accepts a relative path', async () => {
    const { home } = await copiedPki()
    expect(await home.fpki(['ca', 'status', 'acme'], { cwd: home.path })).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('ca status --prometheus', () => {
  test('prints the values of each certificate in the Prometheus format', async () => {
    const pki = await copiedPki()
    await forge(pki, 'tls-crt', { until: 9.5 })
    await forge(pki, 'online-crt', { from: -9, until: -1.5 })
    const { stdout } = await pki.home.fpki(['ca', 'status', pki.directory, '--prometheus'])
    const samples = parsePrometheus(stdout)
    const of = (metric: string) =>
      Object.fromEntries(
        samples.flatMap((one) =>
          one.metric === `fpki_certificate_${metric}` ? [[one.labels['file'] ?? '', one.value]] : [],
        ),
      )
    expect(of('not_after_seconds')).toEqual(Object.fromEntries(FILES.map((file) => [file, endOf(pki, file) / 1000])))
    expect(of('valid')).toEqual({ 'factory_ca.pem': 1, 'local-ca.pem': 1, 'online-crt': 0, 'tls-crt': 1 })
    expect(of('expiring')).toEqual({ 'factory_ca.pem': 0, 'local-ca.pem': 0, 'online-crt': 1, 'tls-crt': 1 })
    expect(Math.floor((of('remaining_seconds')['tls-crt'] ?? 0) / 86_400)).toBe(9)
    const tls = samples.find(({ labels }) => labels['file'] === 'tls-crt')
    expect(tls?.labels).toMatchObject({
      factory: 'acme',
      directory: pki.directory,
      role: 'tls',
      serial: expect.stringMatching(/^\d+$/),
    })
    const pkiMetrics = samples.filter(({ metric }) => metric.startsWith('fpki_pki_'))
    expect(pkiMetrics.map(({ metric, value }) => [metric, value])).toEqual([
      ['fpki_pki_unfinished', 0],
      ['fpki_pki_backup_made_seconds', 0],
      ['fpki_pki_backup_proved_seconds', 0],
      ['fpki_pki_backup_root_key_proved', 0],
      ['fpki_pki_backup_due', 0],
      ['fpki_pki_problems', 0],
    ])
  })

  test('escapes names of directories and certificates', async () => {
    const pki = await copiedPki()
    const odd = join(pki.home.path, 'a "b" \\c\nd')
    await cp(pki.directory, odd, { recursive: true })
    const { stdout } = await pki.home.fpki(['ca', 'status', odd, pki.directory, odd, '--prometheus'])
    const directories = new Set(parsePrometheus(stdout).flatMap(({ labels }) => labels['directory'] ?? []))
    // A line feed is escaped as everywhere else in fpki.
    expect([...directories]).toEqual([odd.replace('\n', '\\u000a'), pki.directory])
  })

  test('counts unreadable files', async () => {
    const pki = await copiedPki()
    const { status, stdout } = await pki.home.fpki(['ca', 'status', join(pki.home.path, 'missing'), '--prometheus'])
    const problems = parsePrometheus(stdout).find(({ metric }) => metric === 'fpki_pki_problems')
    expect({ status, problems: problems?.value }).toEqual({ status: 3, problems: 1 })
  })
})

test.each([
  ['# HELP a A.\n# TYPE a gauge\na 1', 'no line feed'],
  ['a 1\n', 'no TYPE'],
  ['# HELP a A.\n# TYPE a gauge\na{b="c"} 1\na{b="c"} 2\n', 'duplicate sample'],
  ['# HELP a A.\n# TYPE a gauge\na{b="\\x"} 1\n', 'unknown escape'],
  ['# HELP a A.\n# TYPE a gauge\na{b="c",b="d"} 1\n', 'duplicate label'],
  ['# HELP a A.\n# TYPE a gauge\na{b="c} 1\n', 'unterminated label'],
  ['# HELP a A.\n# TYPE a gauge\na one\n', 'not a number'],
  ['# HELP a A.\n# TYPE a gauge\na 1\n# HELP b B.\n# TYPE b gauge\na 2\n', 'samples not grouped'],
])('the metrics parser of this test refuses %j: %s', (text) => {
  expect(() => parsePrometheus(text)).toThrow()
})

describe('the devices of a PKI', () => {
  test('are counted by what is going to happen to them, in words, JSON and metrics', async () => {
    const pki = await copiedPki()
    const notAfter = Date.now() + 40 * 86_400_000
    await recordDevices(pki.directory, [
      { uuid: uuidNumber(1), notAfter },
      { uuid: uuidNumber(2) },
      { uuid: uuidNumber(3) },
    ])
    await pki.home.fpki(['devices', 'deny', pki.directory, uuidNumber(3)])
    const month = new Date(notAfter).toISOString().slice(0, 7)
    const { stdout } = await pki.home.fpki(['ca', 'status', pki.directory])
    expect(stdout).toContain('\n  3 devices, 0 in production; 1 expires before ')
    expect(stdout).toContain(
      `\n  denied: 1; renewals not confirmed yet: 0\n  expiring by month: ${month}: 1, later: 1\n`,
    )
    const { document } = await statusJson(pki, [pki.directory])
    const devices = document.pkis[0]?.devices
    expect(devices).toMatchObject({ denied: 1, unconfirmed: 0 })
    expect(devices?.expiringByMonth).toHaveLength(14)
    expect(devices?.expiringByMonth).toContainEqual({ month, devices: 1 })
    expect(devices?.expiringByMonth).toContainEqual({ month: 'later', devices: 1 })
    const metrics = parsePrometheus((await pki.home.fpki(['ca', 'status', pki.directory, '--prometheus'])).stdout)
    const value = (name: string, of?: string) =>
      metrics.find(({ metric, labels }) => metric === `fpki_devices_${name}` && labels['month'] === of)?.value
    expect([value('denied'), value('unconfirmed'), value('expiring_by_month', month)]).toEqual([1, 0, 1])
  })
})
