import { createHash } from 'node:crypto'
import { cp, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkAuditLogResult, diffSnapshotsResult, showAuditLogResult, showHistoryResult } from '../../src/index.js'
import { opensslCsr } from '../pki/support/openssl-csr.js'
import { newHome, output } from '../support/cli.js'
import { cutOffIn, editJournal } from '../support/journal.js'
import { copiedPki, type Made, x509 } from './made.js'
import { snapshot } from './snapshot.js'

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')

function logOf({ path }: Made): Promise<string> {
  return readFile(path('.fpki/log.jsonl'), 'utf8')
}

async function verified(made: Made): Promise<{ status: number | null; codes: readonly string[]; says: string }> {
  const { status, stdout } = await made.home.fpki(['ca', 'log', 'verify', made.directory, '--json'])
  const { problems } = checkAuditLogResult.parse(JSON.parse(stdout))
  return { status, codes: problems.map(({ code }) => code), says: problems.map(({ message }) => message).join('\n') }
}

/** A PKI with a dozen lines in its audit log. */
async function pkiWithAuditLog(): Promise<Made> {
  const made = await copiedPki()
  for (const words of [['rotate-tls'], ['add-device-ca', '--local-ca', '--local-ca-filename', 'b'], ['rotate-tls']]) {
    const [command = '', ...flags] = words
    expect((await made.home.fpki(['ca', command, made.directory, ...flags, '--quiet'])).status).toBe(0)
  }
  return made
}

describe('the audit log', () => {
  test('has each certificate, chained by SHA-256 and signed by the root', async () => {
    const { home, directory, path } = await copiedPki(pkiWithAuditLog)
    const lines = (await readFile(path('.fpki/log.jsonl'), 'utf8')).trimEnd().split('\n')
    const { stdout } = await home.fpki(['ca', 'log', directory, '--json'])
    const shown = showAuditLogResult.parse(JSON.parse(stdout))
    expect(shown.lines).toEqual(lines.map((line) => JSON.parse(line)))
    shown.lines.forEach(({ previous, number }, at) => {
      expect({ previous, number }).toEqual({
        previous: at === 0 ? '0'.repeat(64) : sha256(lines[at - 1] ?? ''),
        number: at + 1,
      })
    })
    expect(shown.lines.map(({ command }) => command)).toEqual([
      ...Array(4).fill('ca create'),
      'ca rotate-tls',
      'ca add-device-ca',
      'ca rotate-tls',
    ])
    for (const name of [
      'factory_ca.pem',
      'tls-crt',
      'tls-crt.bak',
      'tls-crt.bak.1',
      'online-crt',
      'local-ca.pem',
      'b.pem',
    ]) {
      const fingerprint = (await x509(path(name), '-fingerprint', '-sha256')).replace(/^.*=|:/g, '').toLowerCase()
      const serial = BigInt(`0x${(await x509(path(name), '-serial')).replace(/^.*=/, '')}`).toString()
      const found = shown.lines
        .flatMap(({ certificates }) => certificates)
        .filter((one) => one.fingerprint === fingerprint)
      expect(found, name).toEqual([expect.objectContaining({ serial, file: name.replace(/\.bak.*/, '') })])
    }
    const head = JSON.parse(await readFile(path('.fpki/log.head'), 'utf8'))
    expect(head).toMatchObject({ number: lines.length, hash: sha256(lines.at(-1) ?? '') })
    await writeFile(join(home.path, 'signed'), `fpki audit-log 1\n${head.number}\n${head.hash}\n`)
    await writeFile(join(home.path, 'signature'), Buffer.from(head.signature, 'base64'))
    await writeFile(join(home.path, 'root.pub'), `${await x509(path('factory_ca.pem'), '-pubkey')}\n`)
    const words = ['dgst', '-sha256', '-verify', 'root.pub', '-signature', 'signature', 'signed']
    expect(await output('openssl', words, { cwd: home.path })).toBe('Verified OK\n')
  })

  test('has what `ca sign` signs and refuses, and the CRL of a dry run, before it is printed', async () => {
    const made = await copiedPki()
    const { home, directory } = made
    const file = join(home.path, 'a.csr')
    await writeFile(file, await opensslCsr({}))
    const signed = await home.fpki(['ca', 'sign', file, '--pki-dir', directory])
    expect(await logOf(made)).toContain(sha256(Buffer.from(signed.stdout.replace(/-----[^-]+-----/g, ''), 'base64')))
    const dry = await home.fpki(['ca', 'revoke-device-ca', directory, '--ca-file', 'online-crt', '--dry-run', '-q'])
    expect(await logOf(made)).toContain(sha256(Buffer.from(dry.stdout.replace(/-----[^-]+-----/g, ''), 'base64')))
    await writeFile(file, await opensslCsr({ key: 'RSA-1024' }))
    expect((await home.fpki(['ca', 'sign', file, '--pki-dir', directory])).status).toBe(6)
    const { stdout } = await home.fpki(['ca', 'log', directory, '--json', '--kind', 'refused'])
    expect(showAuditLogResult.parse(JSON.parse(stdout)).lines).toMatchObject([
      { command: 'ca sign', text: expect.stringContaining(file) },
    ])
    expect(await verified(made)).toMatchObject({ status: 0, codes: [] })
  })

  test('has a line for each of 50 concurrent signatures', async () => {
    const made = await copiedPki()
    const file = join(made.home.path, 'a.csr')
    await writeFile(file, await opensslCsr({}))
    const words = ['ca', 'sign', file, '--pki-dir', made.directory]
    const ended = await Promise.all(Array.from({ length: 50 }, () => made.home.fpki(words)))
    const done = ended.filter(({ status }) => status === 0)
    // A command that waits for the lock for more than 20 seconds fails, and prints nothing.
    for (const { status, stdout } of ended.filter((one) => !done.includes(one)))
      expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    const log = await logOf(made)
    for (const { stdout } of done)
      expect(log).toContain(sha256(Buffer.from(stdout.replace(/-----[^-]+-----/g, ''), 'base64')))
    expect(log.trimEnd().split('\n')).toHaveLength(4 + done.length)
    expect(await verified(made)).toMatchObject({ status: 0, codes: [] })
  })

  test.each([
    ['nothing', ''],
    ['half a line', '{"number":1,"time":"20'],
  ])('starts again if its first start was interrupted and left %s', async (_, left) => {
    const made = await copiedPki()
    for (const name of ['log.head', 'history', 'journal.jsonl'])
      await rm(made.path(`.fpki/${name}`), { recursive: true })
    await writeFile(made.path('.fpki/log.jsonl'), left)
    expect((await made.home.fpki(['ca', 'rotate-tls', made.directory, '-q'])).status).toBe(0)
    expect(await logOf(made)).toContain('"kind":"found"')
    expect(await verified(made)).toMatchObject({ status: 0, codes: [] })
  })

  test('does not copy a key behind a symbolic link, nor does history', async () => {
    const made = await copiedPki()
    const elsewhere = `${made.home.path}/stick`
    await mkdir(elsewhere)
    await rename(made.path('factory_ca.key'), `${elsewhere}/factory_ca.key`)
    await symlink('../stick/factory_ca.key', made.path('factory_ca.key'))
    expect((await made.home.fpki(['ca', 'rotate-tls', made.directory, '-q'])).status).toBe(0)
    const newest = (await readdir(made.path('.fpki/history'))).sort().at(-1)
    const kept = await readdir(made.path(`.fpki/history/${newest}`))
    expect(kept).toContain('local-ca.key')
    expect(kept).not.toContain('factory_ca.key')
    expect(await readFile(made.path(`.fpki/history/${newest}/snapshot.json`), 'utf8')).toContain('factory_ca.key')
    expect((await lstat(`${elsewhere}/factory_ca.key`)).nlink).toBe(1)
  })

  test('starts with a list of the existing certificates in a directory without a log', async () => {
    const made = await copiedPki()
    for (const name of ['log.jsonl', 'log.head', 'history', 'journal.jsonl', 'state.json']) {
      await rm(made.path(`.fpki/${name}`), { recursive: true })
    }
    expect((await made.home.fpki(['ca', 'log', made.directory])).status).toBe(3)
    expect((await made.home.fpki(['ca', 'rotate-tls', made.directory, '-q'])).status).toBe(0)
    const [first = ''] = (await logOf(made)).split('\n')
    const { kind, certificates } = JSON.parse(first)
    expect({ kind, files: certificates.map(({ file }: { file: string }) => file).sort() }).toEqual({
      kind: 'found',
      files: ['factory_ca.pem', 'local-ca.pem', 'online-crt', 'tls-crt'],
    })
    expect(await verified(made)).toMatchObject({ status: 0, codes: [] })
    const { stdout } = await made.home.fpki(['ca', 'history', made.directory, '--json'])
    expect(showHistoryResult.parse(JSON.parse(stdout)).snapshots.map(({ command }) => command)).toEqual([
      'as found',
      'ca rotate-tls',
    ])
  })
})

const TAMPERED: Readonly<Record<string, readonly [(lines: string[]) => readonly string[], string, string]>> = {
  changed: [
    (lines) => lines.with(2, (lines[2] ?? '').replace('tls-crt', 'tls-xxx')),
    'changed',
    'The chain breaks at line 4',
  ],
  'changed at the end': [
    (lines) => lines.with(-1, (lines.at(-1) ?? '').replace('tls-crt', 'tls-xxx')),
    'changed',
    'Line 7 is not the line that the root has signed',
  ],
  'replaced by invalid JSON': [(lines) => lines.with(2, 'nothing'), 'changed', 'The chain breaks at line 3'],
  removed: [(lines) => lines.toSpliced(2, 1), 'changed', 'The chain breaks at line 3: it has the number 4'],
  'removed at the beginning': [(lines) => lines.slice(1), 'changed', 'The chain breaks at line 1: it has the number 2'],
  swapped: [
    (lines) => [...lines.slice(0, 2), lines[3] ?? '', lines[2] ?? '', ...lines.slice(4)],
    'changed',
    'The chain breaks at line 3: it has the number 4',
  ],
  inserted: [
    (lines) => lines.toSpliced(3, 0, lines[1] ?? ''),
    'changed',
    'The chain breaks at line 4: it has the number 2',
  ],
  truncated: [
    (lines) => lines.slice(0, -1),
    'cut-off',
    'The end is missing: there are 6 lines, and the root has signed line 7',
  ],
  emptied: [() => [], 'cut-off', 'The end is missing'],
}

describe('ca log verify reports the line', () => {
  test.each(Object.entries(TAMPERED))('names the line that was %s', async (_, [change, code, words]) => {
    const made = await copiedPki(pkiWithAuditLog)
    const lines = (await logOf(made)).trimEnd().split('\n')
    await writeFile(
      made.path('.fpki/log.jsonl'),
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    )
    const { status, codes, says } = await verified(made)
    expect(status).toBe(6)
    expect(codes[0]).toBe(code)
    expect(says).toContain(words)
  })

  test('and a log rewritten by somebody without the root key', async () => {
    const made = await copiedPki(pkiWithAuditLog)
    const lines = (await logOf(made)).trimEnd().split('\n').slice(0, 3)
    await writeFile(made.path('.fpki/log.jsonl'), lines.map((line) => `${line}\n`).join(''))
    const head = JSON.parse(await readFile(made.path('.fpki/log.head'), 'utf8'))
    await writeFile(made.path('.fpki/log.head'), JSON.stringify({ ...head, number: 3, hash: sha256(lines[2] ?? '') }))
    expect((await verified(made)).codes).toContain('bad-signature')
    // The root does not sign more, because the next signature would hide the removed lines.
    const forged = await snapshot(made.directory)
    const { status, stderr } = await made.home.fpki(['ca', 'rotate-tls', made.directory])
    expect({ status, stderr }).toEqual({
      status: 6,
      stderr: expect.stringContaining('does not verify with the root key'),
    })
    const after = await snapshot(made.directory)
    for (const name of ['tls-crt', '.fpki/log.jsonl', '.fpki/log.head']) expect(after[name]).toBe(forged[name])
  })

  test('and a signature that cannot be verified without the root certificate', async () => {
    const made = await copiedPki()
    await rm(made.path('factory_ca.pem'))
    expect(await verified(made)).toMatchObject({
      status: 6,
      codes: ['bad-signature'],
      says: expect.stringContaining('factory_ca.pem is missing'),
    })
  })

  test('and an earlier log that lacks a certificate in the directory', async () => {
    const made = await copiedPki()
    const earlier = join(made.home.path, 'earlier')
    await cp(made.path('.fpki'), earlier, { recursive: true })
    await made.home.fpki(['ca', 'rotate-tls', made.directory, '-q'])
    for (const name of ['log.jsonl', 'log.head']) await cp(join(earlier, name), made.path(`.fpki/${name}`))
    expect(await verified(made)).toMatchObject({
      status: 6,
      codes: ['not-registered'],
      says: expect.stringContaining('tls-crt'),
    })
  })

  test('and fpki signs nothing until it is repaired', async () => {
    const made = await copiedPki(pkiWithAuditLog)
    const log = await logOf(made)
    await writeFile(made.path('.fpki/log.jsonl'), `${log.split('\n').slice(0, -2).join('\n')}\n`)
    const before = await snapshot(made.directory)
    const { status, stderr } = await made.home.fpki(['ca', 'rotate-tls', made.directory])
    expect({ status, says: stderr }).toEqual({ status: 6, says: expect.stringContaining('The end is missing') })
    const after = await snapshot(made.directory)
    for (const name of ['tls-crt', '.fpki/log.jsonl', '.fpki/log.head']) expect(after[name]).toBe(before[name])
  })
})

describe('a missing audit log', () => {
  test.each([
    ['the signature', ['log.head'], '(.fpki/log.head) is missing'],
    ['the lines', ['log.jsonl'], 'The end is missing'],
    ['both', ['log.jsonl', 'log.head'], 'The audit log is missing'],
    ['both, and the history', ['log.jsonl', 'log.head', 'history'], 'The audit log is missing'],
    ['both, and the journal', ['log.jsonl', 'log.head', 'journal.jsonl'], 'The audit log is missing'],
  ])('is reported, whatever part is missing: %s', async (_, names, says) => {
    const made = await copiedPki(pkiWithAuditLog)
    for (const name of names) await rm(made.path(`.fpki/${name}`), { recursive: true })
    const seen = await verified(made)
    expect({ ...seen, says: seen.says.includes(says) }).toMatchObject({ status: 6, says: true })
    expect(seen.codes[0]).toBe(names.includes('log.head') ? 'missing' : 'cut-off')
  })

  test('without its signature and last lines is not signed again', async () => {
    const made = await copiedPki(pkiWithAuditLog)
    const lines = (await logOf(made)).split('\n').slice(0, 3)
    await writeFile(made.path('.fpki/log.jsonl'), `${lines.join('\n')}\n`)
    await rm(made.path('.fpki/log.head'))
    expect((await verified(made)).codes[0]).toBe('missing')
    const { status, stderr } = await made.home.fpki(['ca', 'rotate-tls', made.directory])
    expect({ status, stderr }).toEqual({ status: 6, stderr: expect.stringContaining('(.fpki/log.head) is missing') })
    expect(await logOf(made)).toBe(`${lines.join('\n')}\n`)
  })

  test.each(['log.head', 'log.jsonl'])(
    'or a damaged one (%s) is moved away as the hint says, and restarted',
    async (name) => {
      const made = await copiedPki(pkiWithAuditLog)
      const { home, directory, path } = made
      await writeFile(path(`.fpki/${name}`), '{"number":')
      const revoke = ['ca', 'revoke-device-ca', directory, '--ca-file', 'b', '--yes']
      const { status, stderr } = await home.fpki(revoke)
      const both = `${path('.fpki/log.jsonl')} and ${path('.fpki/log.head')}`
      expect({ status, says: stderr.includes(both), how: stderr.includes('move both files elsewhere') }).toEqual({
        status: 6,
        says: true,
        how: true,
      })
      for (const one of ['log.jsonl', 'log.head']) await rename(path(`.fpki/${one}`), join(home.path, one))
      expect((await home.fpki([...revoke, '--quiet'])).status).toBe(0)
      const { stdout } = await home.fpki(['ca', 'log', directory, '--json'])
      const [first, ...rest] = showAuditLogResult.parse(JSON.parse(stdout)).lines
      const files = first?.certificates.map(({ file }) => file).sort()
      expect({ kind: first?.kind, files }).toEqual({
        kind: 'begun-anew',
        files: ['b.pem', 'factory_ca.pem', 'local-ca.pem', 'online-crt', 'tls-crt', 'tls-crt.bak', 'tls-crt.bak.1'],
      })
      expect(rest.map(({ kind }) => kind)).toEqual(['crl'])
      expect(await verified(made)).toMatchObject({ status: 0, codes: [] })
      const says = await home.fpki(['ca', 'log', 'verify', directory])
      expect(says).toMatchObject({ status: 0, stdout: expect.stringContaining(`Started anew at ${first?.time}`) })
      // Later records show that the root has signed since the restart.
      await new Promise((resolve) => setTimeout(resolve, 1_100))
      expect((await home.fpki(['ca', 'rotate-tls', directory, '--quiet'])).status).toBe(0)
      const begun = (await logOf(made)).split('\n').slice(0, 1)
      await writeFile(path('.fpki/log.jsonl'), `${begun}\n`)
      await rm(path('.fpki/log.head'))
      expect((await verified(made)).codes).toContain('missing')
      // The next command repairs an incomplete first line, as left by a power failure.
      await writeFile(path('.fpki/log.jsonl'), '{"number":1,"ti')
      expect((await home.fpki(['ca', 'rotate-tls', directory, '--quiet'])).status).toBe(0)
      const kinds = (await logOf(made)).trimEnd().split('\n')
      expect(kinds.map((line) => JSON.parse(line).kind)).toEqual(['repaired', 'begun-anew', 'certificate'])
    },
  )

  test('is accepted if there never was one, or if the root has not signed it yet', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    expect((await home.fpki(['ca', 'root-csr', directory, '--quiet'])).status).toBe(0)
    const verify = ['ca', 'log', 'verify', directory]
    expect(await home.fpki(verify)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('No line is signed by the root yet'),
    })
    await rm(join(directory, '.fpki/log.jsonl'))
    expect((await home.fpki(verify)).status).toBe(6)
    expect((await home.fpki(['ca', 'log', directory])).status).toBe(6)
    await rm(join(directory, '.fpki'), { recursive: true })
    expect((await home.fpki(verify)).status).toBe(3)
  })
})

test('an invalid journal does not stop commands that only read the audit log', async () => {
  const made = await copiedPki(pkiWithAuditLog)
  await writeFile(made.path('.fpki/journal.jsonl'), '{')
  expect((await made.home.fpki(['ca', 'log', made.directory])).status).toBe(0)
  expect(await verified(made)).toMatchObject({ status: 0, codes: [] })
})

test('log verify prints the line number and hash that the root has signed', async () => {
  const made = await copiedPki(pkiWithAuditLog)
  const last = sha256((await logOf(made)).trimEnd().split('\n').at(-1) ?? '')
  const { stdout } = await made.home.fpki(['ca', 'log', 'verify', made.directory])
  expect(stdout).toMatch(new RegExp(`Signed by the root up to line 7, at \\S+; SHA-256 ${last}\\.\n`))
  const asJson = await made.home.fpki(['ca', 'log', 'verify', made.directory, '--json'])
  expect(checkAuditLogResult.parse(JSON.parse(asJson.stdout)).signed).toMatchObject({ line: 7, hash: last })
})

test.each(['{"number":8,"time":"2026-0', '\0\0\0\0\0\0\0\0\n'])(
  'a line torn by a power failure is reported, and repaired by the next command',
  async (torn) => {
    const made = await copiedPki(pkiWithAuditLog)
    const log = await logOf(made)
    await writeFile(made.path('.fpki/log.jsonl'), log + torn)
    const { stdout } = await made.home.fpki(['ca', 'log', 'verify', made.directory, '--json'])
    expect(checkAuditLogResult.parse(JSON.parse(stdout))).toMatchObject({ torn: true, problems: [], lines: 7 })
    expect((await made.home.fpki(['ca', 'rotate-tls', made.directory, '-q'])).status).toBe(0)
    const mended = await logOf(made)
    expect(mended.startsWith(log)).toBe(true)
    expect(
      mended
        .split('\n')
        .slice(7)
        .map((line) => (line === '' ? '' : JSON.parse(line).kind)),
    ).toEqual(['repaired', 'certificate', ''])
    expect(await verified(made)).toMatchObject({ status: 0, codes: [] })
  },
)

test('an unreadable snapshot is kept, and does not stop a change', async () => {
  const { home, directory, path } = await copiedPki()
  const history = path('.fpki/history')
  const [first = ''] = await readdir(history)
  const record = JSON.parse(await readFile(join(history, first, 'snapshot.json'), 'utf8'))
  // More than are kept, all from one day.
  for (let number = 2; number <= 23; number++) {
    const folder = join(history, `${String(number).padStart(4, '0')}-old`)
    await mkdir(folder)
    await writeFile(join(folder, 'snapshot.json'), JSON.stringify({ ...record, number }))
    await mkdir(join(folder, 'tls-crt'))
  }
  const { status, stderr } = await home.fpki(['ca', 'rotate-tls', directory, '--quiet'])
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringContaining('warning: Old snapshots were not removed: '),
  })
  expect(await readdir(history)).toHaveLength(24)
  expect((await home.fpki(['ca', 'rotate-tls', directory, '--quiet'])).status).toBe(0)
})

test('filters and CSV', async () => {
  const { home, directory, path } = await copiedPki(pkiWithAuditLog)
  const serial = (await x509(path('b.pem'), '-serial')).replace(/^.*=/, '')
  const only = await home.fpki(['ca', 'log', directory, '--json', '--serial', `0x${serial}`])
  expect(showAuditLogResult.parse(JSON.parse(only.stdout))).toMatchObject({
    lines: [{ number: 6, command: 'ca add-device-ca' }],
    total: 7,
  })
  expect((await home.fpki(['ca', 'log', directory, '--since', '2999-01-01'])).stdout).toBe('')
  for (const since of ['tomorrow', '2026-02-30', '2026-13-01', '2026-01-01T25:00:00Z']) {
    expect((await home.fpki(['ca', 'log', directory, '--since', since])).status, since).toBe(2)
  }
  const csv = (await home.fpki(['ca', 'log', directory, '--csv'])).stdout.split('\r\n')
  expect(csv[0]).toBe('number,time,user,uid,command,kind,serial,subject,fingerprint,profile,file,crl,text')
  expect(csv).toHaveLength(9)
  expect(csv[1]).toContain('"CN=Factory-CA, OU=acme"')
})

test('escapes formulas and control characters in CSV', async () => {
  const { home, directory } = await copiedPki()
  for (const name of ['=1+1.csr', '\uff1d2.csr', '@a\u001b[31m,\n.csr']) {
    await writeFile(join(home.path, name), await opensslCsr({ key: 'RSA-1024' }))
    const { status } = await home.fpki(['ca', 'sign', name, '--pki-dir', directory], { cwd: home.path })
    expect(status).toBe(6)
  }
  const { stdout } = await home.fpki(['ca', 'log', directory, '--csv', '--kind', 'refused'])
  const texts = stdout.trimEnd().split('\r\n').slice(1)
  expect(texts.map((row) => row.replace(/^.*?,refused,,,,,,,/, '').slice(0, 8))).toEqual([
    "'=1+1.cs",
    "'\uff1d2.csr:",
    '"\'@a\\u00',
  ])
  expect(texts[2]).toContain('"\'@a\\u001b[31m,\\u000a.csr:')
})

test('escapes control characters, and refuses paths, from log.head and journal.json', async () => {
  const { home, directory, path } = await copiedPki()
  const rewrite = async (name: string, members: object) => {
    const was = JSON.parse(await readFile(path(name), 'utf8'))
    await writeFile(path(name), JSON.stringify({ ...was, ...members }))
    return was
  }
  await rewrite('.fpki/log.head', { signedAt: '\u001b[2J' })
  const says = await home.fpki(['ca', 'log', 'verify', directory])
  expect(says.stdout).toContain('at \\u001b[2J;')
  const before = await readdir(home.path)
  for (const members of [{ startedAt: '2026/../../../../out' }, { command: 'constructor' }]) {
    await editJournal(directory, (journal) => ({ ...cutOffIn(journal, 'upload'), ...members }))
    expect((await home.fpki(['ca', 'resume', directory])).status).toBe(6)
    await editJournal(directory, (journal) => ({
      ...journal,
      ...{ startedAt: '2026-07-28T12:00:00Z', command: 'ca create' },
    }))
  }
  expect(await readdir(home.path)).toEqual(before)
})

test('audit log and history are private, and keys in them are links', async () => {
  const { directory, path } = await copiedPki()
  const all = Object.entries(await snapshot(directory)).filter(([name]) => name.includes('.fpki/'))
  const open = all.filter(([, text]) => !/^(file (400|600)|directory 700) /.test(text))
  expect(open).toEqual([])
  const keys = all.filter(([name]) => name.endsWith('factory_ca.key')).map(([name]) => name)
  expect(keys).toHaveLength(1)
  expect(await readFile(join(directory, keys[0] ?? ''), 'utf8')).toBe(await readFile(path('factory_ca.key'), 'utf8'))
})

test('commands that only read write nothing', async () => {
  const { home, directory } = await copiedPki(pkiWithAuditLog)
  const before = await snapshot(home.path)
  for (const words of [['log'], ['log', 'verify'], ['history'], ['verify'], ['status'], ['resume']]) {
    expect((await home.fpki(['ca', ...words, directory])).status, words.join(' ')).toBe(0)
  }
  expect((await home.fpki(['ca', 'diff', directory, '1', '3'])).status).toBe(0)
  expect((await home.fpki(['lint', directory])).status).toBe(0)
  expect(await snapshot(home.path)).toEqual(before)
})

test('diff describes a change', async () => {
  const { home, directory, path } = await copiedPki(pkiWithAuditLog)
  const serial = ((await x509(path('b.pem'), '-serial')).replace(/^.*=/, '').match(/../g) ?? []).join(':')
  expect((await home.fpki(['ca', 'revoke-device-ca', directory, '--ca-file', 'b', '--yes', '-q'])).status).toBe(0)
  const words = (...sides: string[]) => home.fpki(['ca', 'diff', directory, ...sides, '--json'])
  const added = diffSnapshotsResult.parse(JSON.parse((await words('2', '3')).stdout))
  expect(added.changes).toMatchObject([
    { what: 'added', file: 'b.key', text: 'added: b.key (private key)', details: [] },
    {
      ...{ what: 'added', file: 'b.pem', text: 'added: b.pem' },
      details: expect.arrayContaining([{ name: 'serial', old: null, new: serial }]),
    },
  ])
  const revoked = diffSnapshotsResult.parse(JSON.parse((await words('4', 'now')).stdout))
  expect(revoked.changes.map(({ text }) => text)).toContain(`revoked: b.pem, serial ${serial}`)
  // Both may expire in the same second.
  const rotated = (await home.fpki(['ca', 'diff', directory, '3', '4'])).stdout.replace(
    /^ {2}[-+] valid until .*\n/gm,
    '',
  )
  expect(rotated.replace(/(serial|SHA-256) .*/g, '$1')).toBe(
    ['replaced: tls-crt', ...['serial', 'SHA-256'].flatMap((name) => [`  - ${name}`, `  + ${name}`]), ''].join('\n'),
  )
  expect((await words('99')).status).toBe(2)
})
