import { spawn } from 'node:child_process'
import { chmod, cp, mkdir, open, readdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { thisMachine } from '../../src/machine/index.js'
import { CODES } from '../../src/operations/audit/verify/codes.js'
import { isWrong } from '../../src/operations/audit/verify/finding.js'
import { type VerifyPkiResult, verifyPki, verifyPkiResult } from '../../src/operations/audit/verify-pki.js'
import { newHome, output, runProgram } from '../support/cli.js'
import { editJournal } from '../support/journal.js'
import { CA_EXTENSIONS, forge, put, ROOT_EXTENSIONS, TLS_EXTENSIONS } from './forge.js'
import { backedUpPki, editCertificates, editJson, knowsOfBackup, type Made } from './made.js'
import { ordinaryUser } from './ordinary-user.js'
import { snapshot } from './snapshot.js'

/** A defect, and all resulting findings: code and file. */
type Case = readonly [what: string, breakIt: (pki: Made) => Promise<unknown>, ...found: readonly string[]]

const GROUPS = [
  'files',
  'pem',
  'modes',
  'keys',
  'chain',
  'profile',
  'serials',
  'expiry',
  'api',
  'root-key',
  'backup',
  'leftovers',
]

/** Defects of the directory alone. */
const OFFLINE: readonly Case[] = [
  [
    'the root certificate is missing',
    (pki) => unlink(pki.path('factory_ca.pem')),
    'files.missing factory_ca.pem',
    'chain.root factory_ca.pem',
    'root-key.mismatch factory_ca.pem',
  ],
  ['tls-crt is missing', (pki) => unlink(pki.path('tls-crt')), 'files.missing tls-crt'],
  ['the key of local-ca is missing', (pki) => unlink(pki.path('local-ca.key')), 'files.missing local-ca.key'],
  ['the root key is missing', (pki) => unlink(pki.path('factory_ca.key')), 'root-key.unusable'],
  [
    'a certificate is 10 MB long',
    (pki) => put(pki.path('tls-crt'), 'x'.repeat(10_000_000)),
    'files.unreadable tls-crt',
  ],
  [
    'a certificate is a link to /dev/zero',
    (pki) => replaceBy(pki, 'tls-crt', (path) => symlink('/dev/zero', path)),
    'files.unreadable tls-crt',
  ],
  [
    'a key is a pipe',
    (pki) => replaceBy(pki, 'local-ca.key', (path) => output('mkfifo', [path])),
    'files.unreadable local-ca.key',
  ],
  [
    'a certificate is a directory',
    (pki) => replaceBy(pki, 'site-b.pem', (path) => mkdir(path)),
    'files.missing site-b.key',
    'files.unreadable site-b.pem',
  ],
  [
    'a certificate is a dangling link',
    (pki) => replaceBy(pki, 'online-crt', (path) => symlink('nowhere', path)),
    'files.unreadable online-crt',
  ],
  [
    'a certificate is a link to itself',
    (pki) => replaceBy(pki, 'online-crt', (path) => symlink(path, path)),
    'files.unreadable online-crt',
  ],
  [
    'a key has no certificate',
    (pki) => output('cp', ['-p', pki.path('local-ca.key'), pki.path('site-b.key')]),
    'files.stray-key site-b.key',
  ],
  ['state.json is broken', (pki) => put(pki.path('.fpki/state.json'), '{', 0o600), 'files.own', 'root-key.unusable'],
  ['journal.jsonl is broken', (pki) => put(pki.path('.fpki/journal.jsonl'), '[]', 0o600), 'files.own'],
  ['a certificate is not PEM', (pki) => put(pki.path('tls-crt'), 'not PEM\n'), 'pem.broken tls-crt'],
  ['a certificate is empty', (pki) => put(pki.path('online-crt'), ''), 'pem.broken online-crt'],
  [
    'a file contains two certificates',
    async (pki) => put(pki.path('tls-crt'), (await pki.text('tls-crt')) + (await pki.text('online-crt'))),
    'pem.broken tls-crt',
  ],
  [
    'a certificate is truncated',
    async (pki) => put(pki.path('tls-crt'), (await pki.text('tls-crt')).slice(0, 300)),
    'pem.broken tls-crt',
  ],
  [
    'a certificate’s DER is broken',
    async (pki) => put(pki.path('tls-crt'), (await pki.text('tls-crt')).replace('MII', 'MIA')),
    'pem.broken tls-crt',
  ],
  [
    'a certificate file contains a key',
    async (pki) => put(pki.path('tls-crt'), await pki.text('local-ca.key')),
    'pem.broken tls-crt',
  ],
  [
    'a key file contains two keys',
    async (pki) => put(pki.path('local-ca.key'), (await pki.text('local-ca.key')).repeat(2)),
    'pem.broken local-ca.key',
  ],
  [
    'a key file contains a certificate',
    async (pki) => put(pki.path('local-ca.key'), await pki.text('local-ca.pem')),
    'pem.broken local-ca.key',
  ],
  [
    'a key is broken',
    async (pki) => put(pki.path('local-ca.key'), (await pki.text('local-ca.key')).replace(/^M.../m, 'AAAA')),
    'keys.broken local-ca.key',
  ],
  ['others can write to the directory', (pki) => chmod(pki.directory, 0o777), 'modes.foreign', 'modes.writable'],
  ['a group can write to the directory', (pki) => chmod(pki.directory, 0o770), 'modes.foreign', 'modes.writable'],
  ['others can read the directory', (pki) => chmod(pki.directory, 0o755), 'modes.directory'],
  ['others can write to .fpki', (pki) => chmod(pki.path('.fpki'), 0o707), 'modes.foreign', 'modes.writable .fpki'],
  ['others can read .fpki', (pki) => chmod(pki.path('.fpki'), 0o750), 'modes.directory .fpki'],
  ['others can read a key', (pki) => chmod(pki.path('factory_ca.key'), 0o444), 'modes.key factory_ca.key'],
  ['a certificate is writable', (pki) => chmod(pki.path('tls-crt'), 0o644), 'modes.file tls-crt'],
  ['a key is writable', (pki) => chmod(pki.path('local-ca.key'), 0o600), 'modes.file local-ca.key'],
  [
    'the key of local-ca is of another certificate',
    (pki) => newKeyAt(pki, 'local-ca.key'),
    'keys.mismatch local-ca.key',
  ],
  [
    'the root key is of another certificate',
    (pki) => newKeyAt(pki, 'factory_ca.key'),
    'keys.mismatch factory_ca.key',
    'root-key.mismatch factory_ca.pem',
  ],
  [
    'the root key is on another curve',
    (pki) => newKeyAt(pki, 'factory_ca.key', 'secp384r1'),
    'keys.mismatch factory_ca.key',
    'root-key.mismatch factory_ca.pem',
  ],
  [
    'two device CAs have the same key',
    (pki) => forge(pki, 'online-crt', { key: 'local-ca.key' }),
    'keys.shared online-crt',
  ],
  ['the key of local-ca is encrypted', (pki) => encrypt(pki, 'local-ca.key'), 'keys.encrypted local-ca.key'],
  [
    'a device CA is signed by another root',
    (pki) => forge(pki, 'local-ca.pem', { stolen: true }),
    'chain.invalid local-ca.pem',
    'profile.broken local-ca.pem',
  ],
  [
    'a server certificate is signed by another root',
    (pki) => forge(pki, 'tls-crt', { stolen: true }),
    'chain.invalid tls-crt',
    'profile.broken tls-crt',
  ],
  ['the root is not self-signed', (pki) => tamper(pki, 'factory_ca.pem'), 'chain.root factory_ca.pem'],
  ['a signature was changed', (pki) => tamper(pki, 'tls-crt'), 'chain.invalid tls-crt'],
  [
    'the issuer of a server is the root in another case',
    (pki) => forge(pki, 'tls-crt', { issuer: '/CN=FACTORY-CA/OU=acme' }),
    'chain.invalid tls-crt',
  ],
  ['a further local CA is accepted', (pki) => forge(pki, 'site-b.pem')],
  [
    'a further local CA of another factory',
    (pki) => forge(pki, 'site-b.pem', { subject: '/CN=fio-1/OU=other' }),
    'profile.factory site-b.pem',
  ],
  ['a CA has no factory', (pki) => forge(pki, 'site-b.pem', { subject: '/CN=fio-1' }), 'profile.factory site-b.pem'],
  [
    'a device CA is not a CA',
    (pki) => forge(pki, 'site-b.pem', { extensions: TLS_EXTENSIONS }),
    'profile.broken site-b.pem',
    'profile.differs site-b.pem',
  ],
  [
    'a device CA may issue CA certificates',
    (pki) => forge(pki, 'site-b.pem', { extensions: CA_EXTENSIONS.with(1, 'basicConstraints=critical,CA:TRUE') }),
    'profile.broken site-b.pem',
  ],
  [
    'a server certificate is a CA',
    (pki) => forge(pki, 'tls-crt', { extensions: [...TLS_EXTENSIONS, 'basicConstraints=critical,CA:TRUE'] }),
    'profile.broken tls-crt',
  ],
  [
    'a server certificate has another extended key usage',
    (pki) => forge(pki, 'tls-crt', { extensions: TLS_EXTENSIONS.with(1, 'extendedKeyUsage=clientAuth') }),
    'profile.broken tls-crt',
    'profile.differs tls-crt',
  ],
  [
    'a server certificate does not permit digital signatures',
    (pki) => forge(pki, 'tls-crt', { extensions: TLS_EXTENSIONS.with(0, 'keyUsage=critical,keyAgreement') }),
    'profile.broken tls-crt',
    'profile.differs tls-crt',
  ],
  [
    'a server certificate has no names',
    (pki) => forge(pki, 'tls-crt', { extensions: TLS_EXTENSIONS.slice(0, -1) }),
    'profile.differs tls-crt',
  ],
  [
    'a server certificate has no subjectKeyIdentifier',
    (pki) => forge(pki, 'tls-crt', { extensions: TLS_EXTENSIONS.with(2, 'subjectKeyIdentifier=none') }),
    'profile.differs tls-crt',
  ],
  [
    'a CA has no subjectKeyIdentifier',
    (pki) => forge(pki, 'site-b.pem', { extensions: CA_EXTENSIONS.with(2, 'subjectKeyIdentifier=none') }),
    'profile.broken site-b.pem',
  ],
  [
    'the subjectKeyIdentifier of a CA is not the SHA-1 of its key',
    (pki) => forge(pki, 'site-b.pem', { extensions: CA_EXTENSIONS.with(2, `subjectKeyIdentifier=${'5A'.repeat(20)}`) }),
    'profile.key-id site-b.pem',
  ],
  [
    'a certificate has an unknown critical extension',
    (pki) => forge(pki, 'tls-crt', { extensions: [...TLS_EXTENSIONS, '1.2.3.4=critical,DER:0500'] }),
    'chain.invalid tls-crt',
    'profile.broken tls-crt',
    'profile.differs tls-crt',
  ],
  [
    'the names in online-ca are PrintableString',
    (pki) => forge(pki, 'online-crt', { stringMask: 'pkix' }),
    'profile.differs online-crt',
  ],
  [
    'the names in a local CA are PrintableString',
    (pki) => forge(pki, 'site-b.pem', { stringMask: 'pkix' }),
    'profile.broken site-b.pem',
  ],
  [
    'a serial number has 21 octets',
    (pki) => forge(pki, 'site-b.pem', { serial: 'E08F7334882698BD3FEECA9408EE3278FB065332' }),
    'serials.long site-b.pem',
  ],
  ['a serial number is short', (pki) => forge(pki, 'site-b.pem', { serial: '07' }), 'serials.short site-b.pem'],
  ['a serial number is zero', (pki) => forge(pki, 'site-b.pem', { serial: '00' }), 'serials.broken site-b.pem'],
  [
    'two certificates have the same serial number',
    async (pki) => {
      await forge(pki, 'site-b.pem')
      await forge(pki, 'site-c.pem')
    },
    'serials.twice site-c.pem',
  ],
  [
    'a server has expired',
    (pki) => forge(pki, 'tls-crt', { from: -20, until: -1 }),
    'chain.invalid tls-crt',
    'profile.differs tls-crt',
    'expiry.expired tls-crt',
  ],
  ['a server expires soon', (pki) => forge(pki, 'tls-crt', { until: 59.5 }), 'expiry.soon tls-crt'],
  ['a server expires in 60.5 days, which is not soon', (pki) => forge(pki, 'tls-crt', { until: 60.5 })],
  ['a server is valid from tomorrow', (pki) => forge(pki, 'tls-crt', { from: 1 }), 'expiry.not-yet tls-crt'],
  ['there is no backup', (pki) => unlink(pki.path('.fpki/backup.json')), 'backup.none'],
  [
    'the backup is older than the last change',
    (pki) => editJson(pki.path('.fpki/backup.json'), (record) => ({ ...record, madeAt: '2020-01-01T00:00:00Z' })),
    'backup.outdated',
  ],
  [
    'create was interrupted',
    (pki) => editJournal(pki.directory, (journal) => ({ ...journal, finishedAt: null })),
    'leftovers.unfinished',
  ],
  [
    'a new file is pending',
    async (pki) => {
      await mkdir(pki.path('.fpki/pending'), { mode: 0o700 })
      await put(pki.path('.fpki/pending/tls-crt'), await pki.text('tls-crt'))
    },
    'leftovers.pending .fpki/pending/tls-crt',
  ],
  [
    'a write was interrupted',
    (pki) => writeFile(pki.path('tls-crt.fpki-unfinished'), ''),
    'leftovers.files tls-crt.fpki-unfinished',
  ],
  [
    'a write was interrupted in .fpki',
    (pki) => writeFile(pki.path('.fpki/state.json.fpki-unfinished'), ''),
    'leftovers.files .fpki/state.json.fpki-unfinished',
  ],
  ['another fpki process is running', holdLock, 'leftovers.locked'],
]

/** Differences between the directory and the Factory API. */
const ONLINE: readonly Case[] = [
  ['the API has no such factory', (pki) => rm(pki.stateFile), 'api.not-initialized'],
  ['the state of the API is damaged', (pki) => writeFile(pki.stateFile, '{'), 'api.unreachable'],
  ['the CAs in the API are malformed', (pki) => editCertificates(pki, { caCrt: 'not PEM' }), 'api.unreachable'],
  [
    'the API has another root',
    async (pki) => {
      const [rootCrt, estTlsCrt] = [await pki.text('local-ca.pem'), await pki.text('online-crt')]
      await editCertificates(pki, { rootCrt, estTlsCrt, tlsCrt: null, caCrt: null })
    },
    'api.root factory_ca.pem',
  ],
  [
    'the API has another server',
    async (pki) => editCertificates(pki, { tlsCrt: await pki.text('local-ca.pem') }),
    'api.tls tls-crt',
  ],
  ['the API has no server', (pki) => editCertificates(pki, { tlsCrt: null }), 'api.tls tls-crt'],
  [
    'the API lacks a device CA',
    async (pki) => editCertificates(pki, { caCrt: await pki.text('local-ca.pem') }),
    'api.unknown-ca online-crt',
  ],
  [
    'the API has no device CA',
    (pki) => editCertificates(pki, { caCrt: null }),
    'api.unknown-ca local-ca.pem',
    'api.unknown-ca online-crt',
  ],
  ['a device CA was revoked', revokeLocalCa, 'api.revoked local-ca.pem'],
  [
    'two device CAs were revoked, one after the other',
    async ({ home, directory }) => {
      for (const file of ['local-ca', 'online-crt'])
        await home.fpki(['ca', 'revoke-device-ca', directory, '--ca-file', file, '--yes'])
    },
    'api.revoked local-ca.pem',
    'api.revoked online-crt',
  ],
  [
    'a device CA was revoked by another program, and another one since',
    async (pki) => {
      await revokeLocalCa(pki)
      await pki.home.fpki(['ca', 'revoke-device-ca', pki.directory, '--ca-file', 'online-crt', '--yes'])
    },
    'api.revoked local-ca.pem',
    'api.revoked online-crt',
  ],
  [
    'a device CA was revoked, and the API has it again',
    async (pki) => {
      const revokedCaSerials = [await serialOf(pki, 'local-ca.pem')]
      await editJson(pki.path('.fpki/state.json'), (state) => ({ ...state, revokedCaSerials }))
    },
    'api.not-revoked local-ca.pem',
  ],
  ['a device CA has no file', (pki) => unlink(pki.path('online-crt')), 'api.no-file'],
  [
    'a device CA was replaced, and its file is a .bak',
    (pki) => rename(pki.path('online-crt'), pki.path('online-crt.bak')),
  ],
  [
    'a device CA is disabled',
    async (pki) => editCertificates(pki, { disabledCaSerials: [await serialOf(pki, 'local-ca.pem')] }),
    'api.disabled local-ca.pem',
  ],
  ['the server for EST has its file', ({ home, directory }) => home.fpki(['est', 'authorize', directory])],
  [
    'the API has another server for EST',
    async (pki) => {
      await pki.home.fpki(['est', 'authorize', pki.directory])
      await editCertificates(pki, { estTlsCrt: await pki.text('local-ca.pem') })
    },
    'api.tls est-tls-crt',
  ],
  [
    'the API has no server for EST',
    async (pki) => {
      await pki.home.fpki(['est', 'authorize', pki.directory])
      await editCertificates(pki, { estTlsCrt: null })
    },
    'api.tls est-tls-crt',
  ],
  [
    'a server for EST without a file is accepted',
    async (pki) => {
      const tls = await pki.text('tls-crt')
      await forge(pki, 'tls-crt')
      await editCertificates(pki, { estTlsCrt: await pki.text('tls-crt') })
      await put(pki.path('tls-crt'), tls)
    },
  ],
  [
    'a server for EST has expired',
    async (pki) => {
      const tls = await pki.text('tls-crt')
      await forge(pki, 'tls-crt', { from: -9, until: -1 })
      await editCertificates(pki, { estTlsCrt: await pki.text('tls-crt') })
      await put(pki.path('tls-crt'), tls)
    },
    'chain.invalid est-tls-crt',
    'profile.differs est-tls-crt',
    'expiry.expired est-tls-crt',
  ],
  [
    'the certificate of the server for EST is not PEM',
    (pki) => editCertificates(pki, { estTlsCrt: 'not PEM' }),
    'pem.broken est-tls-crt',
  ],
]

test('reports an issuer that OpenSSL matches with the root, but GnuTLS does not', async () => {
  const pki = await backedUpPki()
  await forge(pki, 'tls-crt', { issuer: '/CN=FACTORY-CA/OU=acme' })
  const [root, tls] = [pki.path('factory_ca.pem'), pki.path('tls-crt')]
  expect(await output('openssl', ['verify', '-x509_strict', '-CAfile', root, tls])).toBe(`${tls}: OK\n`)
  const words = ['--verify', '--load-ca-certificate', root, '--infile', tls]
  expect((await runProgram('certtool', words)).stdout).toContain('The certificate issuer is unknown')
  const { document } = await verifyJson(pki, ['--offline'])
  const [finding] = document.findings.filter(({ code }) => code === 'chain.invalid')
  expect(finding?.message).toContain(
    'its issuer, CN=FACTORY-CA, OU=acme, is encoded differently from the subject of the root',
  )
})

async function verifyJson(
  pki: Made,
  words: readonly string[],
): Promise<{ status: number | null; document: VerifyPkiResult }> {
  const { status, stdout } = await pki.home.fpki(['ca', 'verify', pki.directory, '--json', ...words])
  return { status, document: verifyPkiResult.parse(JSON.parse(stdout)) }
}

function named(cases: readonly Case[]): readonly (readonly [string, Case])[] {
  return cases.map((one) => [one[0], one])
}

/** Breaks a copy of a PKI, and holds what is found, the exit code and the words against each other. */
async function expectFindings([, breakIt, ...expected]: Case, words: readonly string[]): Promise<void> {
  const pki = await backedUpPki()
  await breakIt(pki)
  const before = await snapshot(pki.home.path)
  const { status, document } = await verifyJson(pki, words)
  const wrong = document.findings.filter(isWrong)
  expect(wrong.map(({ code, file }) => (file === null ? code : `${code} ${file}`))).toEqual(expected)
  for (const { code, status: weight, message, hint } of wrong) {
    expect(CODES).toHaveProperty([code], expect.objectContaining({ status: weight }))
    for (const text of [message, hint]) expect(text).toMatch(/^[^ ].*[.)]$/)
  }
  const failed = wrong.some((finding) => finding.status === 'failure')
  expect(status).toBe(failed ? 6 : 0)
  expect(document.result).toBe(failed ? 'failure' : wrong.length > 0 ? 'warning' : 'ok')
  // Each group is reported, in order.
  const groups = [...new Set(document.findings.map(({ code }) => code.replace(/\..*/, '')))]
  expect(groups).toEqual(GROUPS.filter((group) => group !== 'api' || !words.includes('--offline')))
  expect(await snapshot(pki.home.path)).toEqual(before)
}

describe('ca verify finds in the directory that', () => {
  test.each(named(OFFLINE))('%s', async (_, it) => expectFindings(it, ['--offline']))
})

describe('ca verify finds in the Factory API that', () => {
  test.each(named(ONLINE))('%s', async (_, it) => expectFindings(it, []))
})

test('every code is tested', () => {
  const tested = new Set([...OFFLINE, ...ONLINE].flatMap(([, , ...found]) => found.map((text) => text.split(' ')[0])))
  expect(Object.keys(CODES).filter((code) => !tested.has(code))).toEqual([
    // test/cli/folders-above.test.ts
    'modes.above',
    // test/cli/renew-root.test.ts
    'api.earlier-root',
    'root-key.skipped',
    'root-key.plain',
    // test/operations/kit/export-kit.test.ts
    'kit.changed',
    'kit.root-key',
    // test/cli/register-backup.test.ts
    'devices.unreadable',
    'devices.damaged',
    'devices.missing',
    'devices.other',
    'devices.older',
    'devices.certificate',
    'devices.expiring',
  ])
})

describe('ca verify', () => {
  test('prints a line for each group if there are no problems', async () => {
    const pki = await backedUpPki()
    const { status, stdout, stderr } = await pki.home.fpki(['ca', 'verify', pki.directory])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.slice(0, -1).map((line) => line.split(/\s+/).slice(0, 2).join(' '))).toEqual(
      GROUPS.flatMap((group) => [`ok ${group}`, ...(group === 'root-key' ? ['notice root-key.plain'] : [])]),
    )
    expect(lines.at(-1)).toBe('12 ok, 1 notice, 0 warnings, 0 failures')
  })

  test('prints problems with hints; --quiet omits the rest', async () => {
    const pki = await backedUpPki()
    await unlink(pki.path('tls-crt'))
    const { status, stdout } = await pki.home.fpki(['ca', 'verify', pki.directory, '--quiet', '--offline'])
    expect({ status, stdout }).toEqual({
      status: 6,
      stdout: 'failure  files.missing  tls-crt is missing. Restore the file from a backup.\n',
    })
  })

  test('recommends an HSM for an unencrypted root key, as a notice without effect on exit code and result', async () => {
    const pki = await backedUpPki()
    const { status, document } = await verifyJson(pki, ['--strict'])
    expect({ status, result: document.result }).toEqual({ status: 0, result: 'ok' })
    expect(document.findings.filter((one) => one.status === 'notice')).toEqual([
      {
        status: 'notice',
        code: 'root-key.plain',
        file: 'factory_ca.key',
        message: 'factory_ca.key is not encrypted.',
        hint: expect.stringMatching(/HSM is recommended; .*`fpki ca import-root .*--encrypt-keys/),
      },
    ])
    const skipped = await verifyJson(pki, ['--skip-root-key'])
    expect(skipped.document.findings.map(({ code }) => code)).toContain('root-key.plain')
    const quiet = await pki.home.fpki(['ca', 'verify', pki.directory, '--quiet', '--strict'])
    expect(quiet).toMatchObject({ status: 0, stdout: '' })
  })

  test('fails for a warning, such as that of --skip-root-key, with --strict only', async () => {
    const pki = await backedUpPki()
    const skipping = await verifyJson(pki, ['--skip-root-key'])
    expect(skipping).toMatchObject({ status: 0, document: { result: 'warning' } })
    expect(skipping.document.findings).toContainEqual(
      expect.objectContaining({ code: 'root-key.skipped', status: 'warning' }),
    )
    expect((await verifyJson(pki, ['--skip-root-key', '--strict'])).status).toBe(6)
    expect((await verifyJson(pki, ['--strict'])).status).toBe(0)
  })

  test('warns --warn-days before expiry', async () => {
    const pki = await backedUpPki()
    await forge(pki, 'tls-crt', { until: 100.5 })
    for (const [days, result] of [
      ['100', 'ok'],
      ['101', 'warning'],
    ]) {
      const { document } = await verifyJson(pki, ['--offline', '--warn-days', `${days}`])
      expect(document.result).toBe(result)
      const soon = document.findings.find(({ code }) => code === 'expiry.soon')
      expect(soon?.hint).toBe(result === 'ok' ? undefined : `To replace it: \`fpki ca rotate-tls ${pki.directory}\`.`)
    }
    for (const days of ['-1', 'soon', '1.5', '']) {
      const { status, stdout } = await pki.home.fpki(['ca', 'verify', pki.directory, '--json', `--warn-days=${days}`])
      expect({ days, status, code: JSON.parse(stdout).error.code }).toEqual({ days, status: 2, code: 'ERR_USAGE' })
    }
  })

  test.each([
    ['P-384', 'secp384r1', 'sha384'],
    ['P-521', 'secp521r1', 'sha512'],
  ])('accepts a root on %s', async (_, curve, digest) => {
    const pki = await backedUpPki()
    await forge(pki, 'factory_ca.pem', {
      curve,
      digest,
      until: 7000,
      serial: '5A000000000000000000000000000000000000AA',
    })
    const serials = ['C1', 'C2', 'C3'].map((end) => `5A000000000000000000000000000000000000${end}`)
    for (const [at, file] of ['tls-crt', 'online-crt', 'local-ca.pem'].entries()) {
      await forge(pki, file, { digest, serial: serials[at] ?? '' })
    }
    const { status, document } = await verifyJson(pki, ['--offline'])
    expect({ status, result: document.result, wrong: document.findings.filter(isWrong) }).toEqual({
      status: 0,
      result: 'ok',
      wrong: [],
    })
  })

  test('reports a root with another hash than that of its curve as different only', async () => {
    const pki = await backedUpPki()
    await forge(pki, 'factory_ca.pem', { key: 'factory_ca.key', digest: 'sha384', extensions: [...ROOT_EXTENSIONS] })
    const { document } = await verifyJson(pki, ['--offline'])
    expect(document.findings).toContainEqual(
      expect.objectContaining({ code: 'profile.differs', file: 'factory_ca.pem' }),
    )
  })

  test('tests encrypted keys with their passphrase; without it, warns about local-ca and fails for the root', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const env = { FPKI_PASSPHRASE: 'open sesame' }
    expect(await home.fpki(['ca', 'create', directory, '--encrypt-keys', '--quiet'], { env })).toMatchObject({
      status: 0,
    })
    await knowsOfBackup(directory)
    const run = async (words: readonly string[], start = {}) => {
      const { status, stdout } = await home.fpki(['ca', 'verify', directory, '--json', ...words], start)
      expect(stdout).not.toContain('open sesame')
      const { findings } = verifyPkiResult.parse(JSON.parse(stdout))
      return [status, ...findings.filter((one) => one.status !== 'ok').map(({ code }) => code)]
    }
    expect(await run(['--strict'], { env })).toEqual([0])
    expect(await run([])).toEqual([6, 'keys.encrypted', 'root-key.unusable'])
    expect(await run(['--skip-root-key'])).toEqual([0, 'keys.encrypted', 'root-key.skipped'])
    // The flag skips only the root key: the passphrase still opens local-ca.key.
    expect(await run(['--skip-root-key'], { env })).toEqual([0, 'root-key.skipped'])
    const { stdout } = await home.fpki(['ca', 'verify', directory, '--offline'])
    expect(stdout).toContain('keys.encrypted     local-ca.key is encrypted, and was not opened.')
    expect(await run([], { env: { FPKI_PASSPHRASE: 'open barley' } })).toEqual([
      6,
      'keys.encrypted',
      'root-key.unusable',
    ])
  })

  test('accepts a root signed by a company CA as trust anchor', async () => {
    const pki = await backedUpPki()
    const words = ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out']
    const [key, company] = [join(pki.home.path, 'company.key'), join(pki.home.path, 'company.pem')]
    await output('openssl', [...words, key])
    await output('openssl', [
      'req',
      '-x509',
      '-new',
      '-key',
      key,
      '-subj',
      '/CN=Company',
      '-days',
      '9000',
      '-out',
      company,
    ])
    const csr = join(pki.home.path, 'root.csr')
    const subject = ['-key', pki.path('factory_ca.key'), '-utf8', '-subj', '/CN=Factory-CA/OU=acme']
    await output('openssl', ['req', '-new', ...subject, '-out', csr])
    await writeFile(join(pki.home.path, 'ext'), ROOT_EXTENSIONS.join('\n'))
    const sign = [
      'x509',
      '-req',
      '-in',
      csr,
      '-CA',
      company,
      '-CAkey',
      key,
      '-days',
      '7000',
      '-extfile',
      join(pki.home.path, 'ext'),
    ]
    await put(
      pki.path('factory_ca.pem'),
      await output('openssl', [...sign, '-set_serial', '0x5A0102030405060708090A0B0C0D0E0F10']),
    )
    // The new root has another key identifier.
    for (const [file, serial] of [
      ['tls-crt', '5A01'],
      ['online-crt', '5A02'],
      ['local-ca.pem', '5A03'],
    ]) {
      await forge(pki, file ?? '', serial === undefined ? {} : { serial })
    }
    const { document } = await verifyJson(pki, ['--offline'])
    const broken = document.findings.filter((one) => one.status === 'failure')
    expect(broken).toEqual([])
  })

  test('reports the factory in the CAs if another one is given', async () => {
    const pki = await backedUpPki()
    const { status, document } = await verifyJson(pki, ['--offline', '--factory', 'other'])
    expect({ status, codes: document.findings.filter(isWrong).map(({ code }) => code) }).toEqual({
      status: 6,
      codes: ['profile.factory', 'profile.factory', 'profile.factory'],
    })
  })

  test('refuses a missing directory', async () => {
    const pki = await backedUpPki()
    await writeFile(join(pki.home.path, 'file'), '')
    for (const [path, status, code] of [
      [join(pki.home.path, 'missing'), 3, 'ERR_NOT_A_DIRECTORY'],
      [join(pki.home.path, 'file'), 3, 'ERR_NOT_A_DIRECTORY'],
      ['elsewhere', 3, 'ERR_NOT_A_DIRECTORY'],
    ] as const) {
      const ended = await pki.home.fpki(['ca', 'verify', path, '--json'])
      expect({ path, status: ended.status, code: JSON.parse(ended.stdout).error.code }).toEqual({ path, status, code })
    }
  })

  test('works on a read-only copy as an ordinary user', async () => {
    const user = await ordinaryUser()
    const { directory } = await backedUpPki()
    const copy = join(user.path, 'acme')
    await cp(directory, copy, { recursive: true })
    for (const name of await readdir(copy, { recursive: true })) await user.own(join(copy, name), 0o400)
    await user.own(join(copy, '.fpki'), 0o500)
    await user.own(copy, 0o500)
    const before = await snapshot(copy)
    const { status, stdout, stderr } = await user.fpki(['ca', 'verify', copy, '--offline', '--strict'])
    expect({ status, stderr, last: stdout.trimEnd().split('\n').at(-1) }).toEqual({
      status: 0,
      stderr: '',
      last: '11 ok, 1 notice, 0 warnings, 0 failures',
    })
    expect(await snapshot(copy)).toEqual(before)
  })

  test('reports files that an ordinary user may not read', async () => {
    const user = await ordinaryUser()
    const { directory } = await backedUpPki()
    const copy = join(user.path, 'acme')
    await cp(directory, copy, { recursive: true })
    for (const name of await readdir(copy, { recursive: true })) await user.own(join(copy, name), 0o400)
    await user.own(copy, 0o700)
    await user.own(join(copy, 'local-ca.key'), 0o000)
    await user.own(join(copy, '.fpki'), 0o000)
    const { status, stdout } = await user.fpki(['ca', 'verify', copy, '--offline', '--json'])
    const wrong = verifyPkiResult.parse(JSON.parse(stdout)).findings.filter(isWrong)
    expect({ status, wrong: wrong.map(({ code, file }) => `${code} ${file}`) }).toEqual({
      status: 6,
      wrong: expect.arrayContaining(['files.unreadable local-ca.key', 'files.own null']),
    })
  })

  test('escapes control characters in certificates', async () => {
    const pki = await backedUpPki()
    await forge(pki, 'site-b.pem', { subject: '/CN=fio-1/OU=\u001b[31mred' })
    const { stdout } = await pki.home.fpki(['ca', 'verify', pki.directory, '--offline'])
    expect(stdout).toContain('OU=\\u001b[31mred')
    expect(stdout).not.toContain('\u001b')
  })
})

async function replaceBy(pki: Made, name: string, make: (path: string) => Promise<unknown>): Promise<void> {
  await rm(pki.path(name), { force: true })
  await make(pki.path(name))
}

async function newKeyAt(pki: Made, name: string, curve = 'prime256v1'): Promise<void> {
  await put(pki.path(name), await output('openssl', ['ecparam', '-genkey', '-noout', '-name', curve]))
}

async function encrypt(pki: Made, name: string): Promise<void> {
  const words = ['pkcs8', '-topk8', '-in', pki.path(name), '-passout', 'pass:open sesame']
  await put(pki.path(name), await output('openssl', words))
}

/** Changes the last octet of a certificate, which belongs to the signature. */
async function tamper(pki: Made, name: string): Promise<void> {
  const [, base64 = ''] = /-----BEGIN CERTIFICATE-----([^-]+)/.exec(await pki.text(name)) ?? []
  const der = Buffer.from(base64, 'base64')
  der.writeUInt8((der.at(-1) ?? 0) ^ 1, der.length - 1)
  await put(pki.path(name), `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`)
}

/** flock(1) holds the lock, like another fpki process. */
async function holdLock(pki: Made): Promise<void> {
  const file = await open(pki.path('.fpki/lock'))
  const holder = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] })
  const ended = new Promise((resolve) => holder.on('exit', resolve))
  onTestFinished(() => file.close())
  expect(await ended).toBe(0)
}

async function serialOf(pki: Made, name: string): Promise<string> {
  const [, hex = ''] =
    /serial=(\w+)/.exec(await output('openssl', ['x509', '-in', pki.path(name), '-noout', '-serial'])) ?? []
  return BigInt(`0x${hex}`).toString()
}

/** The state of the API after a revocation: the CA is not in its list, but in its CRL. */
async function revokeLocalCa(pki: Made): Promise<void> {
  const folder = join(pki.home.path, 'crl')
  await mkdir(folder)
  await writeFile(join(folder, 'db'), '')
  await writeFile(join(folder, 'number'), '01\n')
  await writeFile(join(folder, 'cnf'), `[ca]\ndefault_ca=it\n[it]\ndatabase=${folder}/db\ncrlnumber=${folder}/number\n`)
  const ca = [
    'ca',
    '-config',
    join(folder, 'cnf'),
    '-cert',
    pki.path('factory_ca.pem'),
    '-keyfile',
    pki.path('factory_ca.key'),
    '-md',
    'sha256',
  ]
  await output('openssl', [...ca, '-revoke', pki.path('local-ca.pem')])
  const crl = await output('openssl', [...ca, '-gencrl', '-crldays', '1'])
  await editCertificates(pki, { caCrt: await readFile(pki.path('online-crt'), 'utf8'), caRevokeCrl: crl })
}

test('reports the clock rather than the certificates if it is set back', async () => {
  const { directory } = await backedUpPki()
  const clock = () => new Date(Date.now() - 2 * 24 * 3600 * 1000)
  const options = { directory, factory: null, warnDays: 60, groups: ['chain', 'profile', 'serials', 'expiry'] }
  const { findings } = await verifyPki(options, { ...thisMachine(), clock, api: null, access: null })
  const wrong = findings.filter(isWrong)
  expect(new Set(wrong.map(({ code }) => code))).toEqual(new Set(['expiry.not-yet']))
  for (const { message, hint } of wrong)
    expect(`${message} ${hint}`).toMatch(/the clock of this machine is at .* Set the clock of this machine/)
})
