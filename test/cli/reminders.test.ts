import { chmod, readdir, readFile, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import ICAL from 'ical.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { pkiStatusResult } from '../../src/operations/audit/status-pki.js'
import { newHome, output } from '../support/cli.js'
import { forge, put } from './forge.js'
import { copiedPki } from './made.js'

const SECRET = '7f3a9cToken'

/** A chat system that answers with the statuses in turn, the last one again and again, and repeats what it got. */
async function chat(...statuses: readonly number[]) {
  const seen: { readonly path: string | undefined; readonly type: string | undefined; readonly body: string }[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { url: path, headers } = request
      seen.push({ path, type: headers['content-type'], body: Buffer.concat(parts).toString() })
      const status = statuses[Math.min(seen.length, statuses.length) - 1] ?? 200
      response.writeHead(status, { 'Retry-After': '0', Location: `/elsewhere/${SECRET}`, Connection: 'close' })
      response.end(`no such webhook: ${path}`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { seen, origin: `http://127.0.0.1:${port}`, url: `http://127.0.0.1:${port}/services/${SECRET}?key=${SECRET}` }
}

describe('ca status --ics', () => {
  test('writes a calendar, and replaces its own but nothing else', async () => {
    const pki = await copiedPki()
    const ics = join(pki.home.path, 'acme.ics')
    const write = (file = ics) => pki.home.fpki(['ca', 'status', pki.directory, '--ics', file])
    const first = await write()
    expect(first).toMatchObject({ status: 0, stdout: expect.stringContaining('tls-crt') })
    expect(first.stderr).toBe(`note: Wrote the calendar ${ics}.\n`)
    const calendar = new ICAL.Component(ICAL.parse(await readFile(ics, 'utf8')))
    const starts = calendar.getAllSubcomponents('vevent').map((event) => `${event.getFirstPropertyValue('dtstart')}`)
    const end = await output('openssl', ['x509', '-in', pki.path('tls-crt'), '-noout', '-enddate'])
    const week = new Date(Date.parse(end.replace('notAfter=', '')) - 7 * 86_400_000)
    expect(starts).toContain(week.toISOString().slice(0, 10))
    expect(starts).toHaveLength(12)

    await chmod(ics, 0o640)
    await symlink(ics, join(pki.home.path, 'link.ics'))
    await forge(pki, 'tls-crt', { until: 300 })
    expect((await write(join(pki.home.path, 'link.ics'))).status).toBe(0)
    expect((await stat(ics)).mode & 0o777).toBe(0o640)
    expect(await readFile(ics, 'utf8')).toContain('expires in 90 days')

    const foreign = join(pki.home.path, 'foreign.ics')
    const text = 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//other//EN\r\nEND:VCALENDAR\r\n'
    await writeFile(foreign, text)
    for (const file of [foreign, pki.home.path, join(pki.home.path, 'missing', 'acme.ics')]) {
      const { status, stdout, stderr } = await write(file)
      expect({ status, stdout }).toEqual({ status: 3, stdout: expect.stringContaining('tls-crt') })
      expect(stderr).toMatch(/^error: .* \[ERR_(EXISTS|STORAGE)\]$/m)
    }
    expect(await readFile(foreign, 'utf8')).toBe(text)
    expect((await write('-')).status).toBe(2)
    // There, its name could be that of a certificate which does not exist yet.
    await symlink(pki.directory, join(pki.home.path, 'way'))
    for (const file of [pki.path('est-tls-crt'), join(pki.home.path, 'way', 'est-tls-crt')]) {
      const { status, stderr } = await write(file)
      expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('in the PKI directory') })
    }
    expect(await readdir(pki.directory)).not.toContain('est-tls-crt')
  })

  test('keeps the calendar when a certificate is unreadable', async () => {
    const pki = await copiedPki()
    const ics = join(pki.home.path, 'acme.ics')
    const words = ['ca', 'status', pki.directory, '--ics', ics]
    await pki.home.fpki(words)
    const before = await readFile(ics, 'utf8')
    await put(pki.path('online-crt'), 'not PEM')
    const { status, stderr } = await pki.home.fpki(words)
    expect(status).toBe(6)
    expect(stderr).toContain('was not written: a certificate is missing or unreadable')
    expect(await readFile(ics, 'utf8')).toBe(before)
  })
})

describe('ca status --webhook', () => {
  test('sends a message when something is due, with retries, and never shows the URL', async () => {
    const pki = await copiedPki()
    const { seen, origin, url } = await chat(503, 429, 200)
    const file = join(pki.home.path, 'url')
    await writeFile(file, `${url}\n`, { mode: 0o600 })
    const words = ['ca', 'status', pki.directory, '--verbose']
    const idle = await pki.home.fpki([...words, '--webhook-file', file])
    expect({ status: idle.status, sent: seen.length }).toEqual({ status: 0, sent: 0 })
    expect(idle.stderr).toBe('note: Nothing is due: the webhook was not called.\n')

    await forge(pki, 'tls-crt', { until: 9.5 })
    const sent = await pki.home.fpki([...words, '--webhook-file', file, '--webhook-format', 'slack'])
    expect(sent).toMatchObject({ status: 10, stderr: `note: Sent a message to the webhook at ${origin}.\n` })
    expect(seen.map(({ path, type }) => [path, type])).toEqual(
      Array.from({ length: 3 }, () => [`/services/${SECRET}?key=${SECRET}`, 'application/json']),
    )
    expect(JSON.parse(seen[2]?.body ?? '').text).toMatch(
      /tls-crt of the factory acme expires on \S+, in 9 days\. To replace it: fpki ca rotate-tls DIR$/,
    )

    const variable = await pki.home.fpki([...words, '--json'], { env: { FPKI_WEBHOOK: url } })
    expect(pkiStatusResult.parse(JSON.parse(variable.stdout)).state).toBe('expiring')
    expect(JSON.parse(seen[3]?.body ?? '')).toMatchObject({
      schemaVersion: 1,
      state: 'expiring',
      due: [{ role: 'tls' }],
    })
    const argument = await pki.home.fpki([...words, '--webhook', url])
    expect(argument.stderr).toContain('warning: Other users can see the URL in --webhook')
    expect(seen).toHaveLength(5)
    for (const { stdout, stderr } of [idle, sent, variable, argument]) expect(stdout + stderr).not.toContain(SECRET)
  })

  test.each([
    [404, 10, /answered 404 Not Found\. \[ERR_WEBHOOK\]\n.*create another webhook/],
    [302, 10, /it redirects \(302 Found\)\. \[ERR_WEBHOOK\]\n.*Redirects are not followed/],
    [400, -1, /answered 400 Bad Request\. \[ERR_WEBHOOK\]\n.*--webhook-format/],
  ])('reports that it was not delivered: %i', async (answer, until, message) => {
    const pki = await copiedPki()
    const { seen, url } = await chat(answer)
    await forge(pki, 'tls-crt', until < 0 ? { from: -9, until } : { until })
    const ended = await pki.home.fpki(['ca', 'status', pki.directory, '--verbose'], { env: { FPKI_WEBHOOK: url } })
    // What has expired is worse.
    expect(ended.status).toBe(until < 0 ? 11 : 4)
    expect(ended.stdout).toContain('tls-crt')
    expect(ended.stderr).toMatch(message)
    expect(seen).toHaveLength(1)
    expect(ended.stdout + ended.stderr).not.toContain(SECRET)
  })

  test('reports that there is no answer', async () => {
    const pki = await copiedPki()
    await unlink(pki.path('tls-crt'))
    const env = { FPKI_WEBHOOK: `http://127.0.0.1:9/${SECRET}` }
    const { status, stdout, stderr } = await pki.home.fpki(['ca', 'status', pki.directory], { env })
    expect(status).toBe(6)
    expect(stderr).toMatch(/to the webhook at http:\/\/127\.0\.0\.1:9: connection refused\. \[ERR_WEBHOOK\]/)
    expect(stdout + stderr).not.toContain(SECRET)
  })

  test.each([
    ['http://chat.example/', 'it is not an https:// URL'],
    ['https://user:', 'it is not an https:// URL'],
    ['https://user:pass@chat.example/', 'it contains credentials'],
    ['file:///', 'it is not an https:// URL'],
    ['', 'it is not an https:// URL'],
    ['\u0007', 'it contains a control character'],
  ])('refuses %j, and does not repeat it', async (start, problem) => {
    // Before anything is read.
    const home = await newHome()
    for (const given of [{ env: { FPKI_WEBHOOK: `${start}${SECRET}` } }, { stdin: `${start}${SECRET}` }]) {
      const flags = 'stdin' in given ? ['--webhook-file', '-'] : []
      const { status, stdout, stderr } = await home.fpki(['ca', 'status', '--verbose', ...flags], given)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toContain(problem)
      expect(stderr).not.toContain(SECRET)
    }
  })

  test('refuses flags that contradict each other', async () => {
    const home = await newHome()
    const run = (...words: string[]) => home.fpki(['ca', 'status', ...words])
    expect(await run('--webhook-format', 'slack')).toMatchObject({ status: 2, stdout: '' })
    const both = await run('--webhook', `https://chat.example/${SECRET}`, '--webhook-file', 'url')
    expect(both.status).toBe(2)
    expect(both.stderr).not.toContain(SECRET)
    const mistaken = await run('--webhook-file', `https://chat.example/${SECRET}`)
    expect(mistaken).toMatchObject({ status: 2, stderr: expect.stringContaining('expects a file') })
    expect(mistaken.stderr).not.toContain(SECRET)
  })
})
