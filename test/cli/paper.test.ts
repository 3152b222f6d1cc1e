import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printPaperResult } from '../../src/operations/paper/print-paper.js'
import { restorePaperResult } from '../../src/operations/paper/restore-paper.js'
import { type Browser, startBrowser } from '../support/browser.js'
import { newHome, output } from '../support/cli.js'
import { linesOf, print } from '../support/paper.js'
import { copiedPki, editJson, type Made, x509 } from './made.js'
import { expectRefusal, expectWords } from './refusal.js'
import { found, secretForms } from './secret-forms.js'
import { onTerminal } from './terminal.js'

const PASSPHRASE = 'correct horse battery'
const START = { env: { FPKI_PASSPHRASE: PASSPHRASE } }
const FIXTURES = fileURLToPath(new URL('../fixtures/openssl', import.meta.url))

/** A PKI, and paths next to it. */
async function scene(make?: () => Promise<Made>) {
  const made = await copiedPki(make)
  const at = (name: string) => join(made.home.path, name)
  const restore = ['ca', 'paper', '--restore', at('typed'), '--out', at('back.key')]
  return { ...made, at, restore, withCert: [...restore, '--cert', made.path('factory_ca.pem')] }
}

/** The same with one sheet, encrypted with the passphrase. */
async function printedScene() {
  const all = await scene()
  const { status, stderr } = await all.home.fpki(['ca', 'paper', all.directory, '--out', all.at('s.html')], START)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return { ...all, lines: await linesOf(all.at('s.html')) }
}

/** The same with shares; `sheets` has the lines of each sheet. */
async function sharedScene(shares: string, folder = 'sheets') {
  const all = await scene()
  const words = ['ca', 'paper', all.directory, '--shares', shares, '--out', all.at(folder)]
  expect((await all.home.fpki(words)).status).toBe(0)
  const names = (await readdir(all.at(folder))).sort()
  return { ...all, names, sheets: await Promise.all(names.map((name) => linesOf(join(all.at(folder), name)))) }
}

/** The public key of a private one, as OpenSSL reads it. */
async function publicKeyOf(path: string, passphrase = PASSPHRASE): Promise<string> {
  return output('openssl', ['pkey', '-in', path, '-passin', 'env:P', '-pubout'], { env: { P: passphrase } })
}

async function expectRecovered(path: string, made: Pick<Made, 'path'>): Promise<void> {
  expect(await publicKeyOf(path)).toBe(
    await output('openssl', ['x509', '-in', made.path('factory_ca.pem'), '-noout', '-pubkey']),
  )
  expect((await stat(path)).mode & 0o777).toBe(0o400)
}

/** The space above a sheet and above its title, in pixels, and the size of the lines to type, in points. */
async function onScreen(browser: Browser, file: string) {
  await browser.open(file, { width: 900, scheme: 'light', media: 'screen' })
  return browser.evaluate<{ above: number; margin: number; points: number }>(`(() => {
    const top = (name) => document.querySelector(name).getBoundingClientRect().top
    const sizes = [...document.querySelectorAll('pre')].map((lines) => parseFloat(getComputedStyle(lines).fontSize))
    return { above: top('body'), margin: top('h1') - top('body'), points: Math.round(Math.min(...sizes) * 72 / 96) }
  })()`)
}

describe('a printed sheet', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await startBrowser()
  })
  afterAll(() => browser.close())

  test('is one A4 page with a QR code that OpenSSL and fpki read', async () => {
    const all = await printedScene()
    const { home, at, withCert } = all
    expect((await stat(at('s.html'))).mode & 0o777).toBe(0o600)
    const { pages, size, scanned, text, blank } = await print(browser, at('s.html'))
    expect({ pages, size }).toEqual({ pages: 1, size: [210, 297] })
    expect(blank).toBeGreaterThan(0.02)
    expect(blank).toBeLessThan(0.1)
    const { above, margin, points } = await onScreen(browser, at('s.html'))
    expect(above).toBeGreaterThan(20)
    expect(margin).toBeGreaterThan(40)
    expect(points).toBeGreaterThanOrEqual(13)
    for (const word of ['ENCRYPTED', 'Holder', 'Witness', 'Envelope', 'Date', 'by fpki 0.'])
      expect(text).toContain(word)
    expect(scanned).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    await writeFile(at('typed'), scanned)
    expect(await publicKeyOf(at('typed'))).toBe(await publicKeyOf(all.path('factory_ca.key')))
    expect((await home.fpki(withCert, START)).status).toBe(0)
    await expectRecovered(at('back.key'), all)
    expect(text).toContain('Root key of the factory acme')
    const fingerprint = (await x509(all.path('factory_ca.pem'), '-fingerprint', '-sha256')).replace(/.*=|:/g, '')
    expect(text.replace(/ /g, '')).toContain(fingerprint)
    // The printed lines are those that someone would type.
    await writeFile(at('typed'), (text.match(/^ *K\d\d .*$/gm) ?? []).join('\n'))
    await rm(at('back.key'))
    expect((await home.fpki(withCert, START)).status).toBe(0)
    await expectRecovered(at('back.key'), all)
  })

  test('has a key encrypted with 600,000 iterations of PBKDF2-SHA-256', async () => {
    const { home, directory, at } = await scene()
    // In a process of its own: within the test, key derivation uses fewer iterations.
    const { status } = await home.spawn(['ca', 'paper', directory, '--out', at('s.html')], START)
    expect(status).toBe(0)
    const { scanned } = await print(browser, at('s.html'))
    const structure = await output('openssl', ['asn1parse'], { stdin: scanned })
    for (const part of ['PBES2', 'PBKDF2', 'hmacWithSHA256', 'aes-256-cbc', 'INTEGER           :0927C0'])
      expect(structure).toContain(part)
    expect(0x0927c0).toBe(600_000)
  })

  test('has the key and one share; three of five restore it', async () => {
    const all = await sharedScene('3/5')
    expect(all.names).toEqual([1, 2, 3, 4, 5].map((number) => `sheet-${number}.html`))
    const scans: string[] = []
    for (const name of ['sheet-5.html', 'sheet-1.html', 'sheet-3.html']) {
      const { pages, scanned } = await print(browser, join(all.at('sheets'), name))
      expect(pages).toBe(1)
      scans.push(scanned)
    }
    await writeFile(all.at('typed'), scans.join(''))
    expect((await all.home.fpki(all.withCert)).status).toBe(0)
    await expectRecovered(all.at('back.key'), all)
  })

  test('is one page even with the largest key and a hostile name', async () => {
    const home = await newHome()
    const directory = join(home.path, 'big')
    await mkdir(directory, { mode: 0o700 })
    const name = `<b>${'W'.repeat(52)}"&'</b>`
    const key = join(directory, 'factory_ca.key')
    await copyFile(join(FIXTURES, 'sec1-p521.key'), key)
    const subject = `/CN=Factory-CA/OU=${name.replaceAll('/', '\\/')}`
    await output('openssl', [
      ...['req', '-x509', '-new', '-key', key, '-days', '9', '-utf8', '-subj', subject],
      ...['-out', join(directory, 'factory_ca.pem')],
    ])
    await chmod(key, 0o400)
    const words = ['ca', 'paper', directory, '--shares', '2/2', '--out', join(home.path, 'sheets')]
    expect((await home.fpki(words)).stderr).toBe('')
    const { pages, scanned, text } = await print(browser, join(home.path, 'sheets', 'sheet-2.html'))
    expect(pages).toBe(1)
    expect((await onScreen(browser, join(home.path, 'sheets', 'sheet-2.html'))).points).toBeGreaterThanOrEqual(11)
    // In the text of the page, the mark stands within the second line of the title.
    expect(text.replace(/\s|SHARE 2 OF 2/g, '')).toContain(name)
    expect(scanned).toMatch(/-----END ENCRYPTED PRIVATE KEY-----/)
    expect(scanned).toMatch(/^S02-01 /m)
  })
})

describe('ca paper', () => {
  test('prints one JSON document without secrets', async () => {
    const { home, directory, at } = await scene()
    const words = ['ca', 'paper', directory, '--shares', '2/3', '--out', at('sheets'), '--json', '--verbose']
    const { stdout, stderr } = await home.fpki(words)
    const printed = printPaperResult.parse(JSON.parse(stdout))
    expect(printed).toMatchObject({ factory: 'acme', protection: 'share', needed: 2 })
    expect(printed.files).toEqual([1, 2, 3].map((number) => at(`sheets/sheet-${number}.html`)))
    const lines = (await Promise.all(printed.files.map(linesOf))).flat()
    expect(found([...lines, ...(await secretForms(home.path))], stdout + stderr)).toEqual([])
  })

  test('prompts for the passphrase of an encrypted key without echo', async () => {
    const all = await scene(encryptedPki)
    const words = ['ca', 'paper', all.directory, '--out', all.at('s.html'), '--json']
    await expectRefusal(all.home, words.slice(0, -1), { status: 6, code: 'ERR_PASSPHRASE', names: ['factory_ca.key'] })
    const { status, stdout, stderr } = await all.home.fpki(words, START)
    expect({ status, leaked: found([PASSPHRASE], stdout + stderr) }).toEqual({ status: 0, leaked: [] })
    await writeFile(all.at('typed'), (await linesOf(all.at('s.html'))).join('\n'))
    expect(found([PASSPHRASE], await readFile(all.at('s.html'), 'utf8'))).toEqual([])
    expect((await all.home.fpki(all.withCert, START)).status).toBe(0)
    await expectRecovered(all.at('back.key'), all)
  })

  test('--plain prints an unencrypted key with a warning', async () => {
    const all = await scene()
    const { status, stderr } = await all.home.fpki(['ca', 'paper', all.directory, '--plain', '--out', all.at('s.html')])
    expect({ status, warned: /warning: .*unencrypted/.test(stderr) }).toEqual({ status: 0, warned: true })
    expect(await readFile(all.at('s.html'), 'utf8')).toContain('<p class="mark">PLAIN KEY</p>')
    await writeFile(all.at('typed'), (await linesOf(all.at('s.html'))).join('\n'))
    const restored = await all.home.fpki(all.withCert)
    expect(restored).toMatchObject({ status: 0, stderr: expect.stringContaining('is not encrypted') })
    await expectRecovered(all.at('back.key'), all)
    expect(await readFile(all.at('back.key'), 'utf8')).toBe(await all.text('factory_ca.key'))
  })

  test('never overwrites files, and writes all sheets or none', async () => {
    const { home, directory, at } = await scene()
    await mkdir(at('sheets'))
    await writeFile(at('sheets/sheet-3.html'), 'mine')
    const exists = { status: 3, code: 'ERR_EXISTS', names: ['sheet-3.html'] }
    await expectRefusal(home, ['ca', 'paper', directory, '--shares', '2/4', '--out', at('sheets')], exists)
    const one = { status: 3, code: 'ERR_EXISTS', names: ['sheet-3.html'] }
    await expectRefusal(home, ['ca', 'paper', directory, '--plain', '--out', at('sheets/sheet-3.html')], one)
    const inside = { status: 2, code: 'ERR_USAGE', names: ['a sheet', 'in the PKI directory'] }
    await expectRefusal(home, ['ca', 'paper', directory, '--plain', '--out', join(directory, 'est-tls-crt')], inside)
  })

  test('refuses a key in a token', async () => {
    const { home, directory, path, at } = await scene()
    await rm(path('factory_ca.key'))
    const reference = {
      kind: 'pkcs11',
      module: '/m.so',
      tokenLabel: 'safe',
      tokenSerial: '1',
      keyLabel: 'root-ca',
      keyId: '01',
    }
    await editJson(path('.fpki/state.json'), (state) => ({ ...state, rootKey: reference }))
    const refusal = { status: 3, code: 'ERR_KEY_IN_TOKEN', names: ['token "safe"', 'never leaves it'] }
    await expectRefusal(home, ['ca', 'paper', directory, '--out', at('s.html')], refusal)
  })

  test('refuses a missing or mismatched key and a short passphrase', async () => {
    const { home, directory, path, at } = await scene()
    const words = ['ca', 'paper', directory, '--out', at('s.html')]
    const short = { status: 6, code: 'ERR_PASSPHRASE', names: ['fewer than 8'] }
    await expectRefusal(home, words, short, { env: { FPKI_PASSPHRASE: 'short' } })
    const missing = { status: 6, code: 'ERR_PASSPHRASE', names: ['No passphrase given for the new sheet'] }
    await expectRefusal(home, words, missing)
    await rm(path('factory_ca.key'))
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_KEY', names: ['is missing'] }, START)
    await copyFile(path('local-ca.key'), path('factory_ca.key'))
    await expectRefusal(home, words, { status: 6, code: 'ERR_BAD_KEY', names: ['is not the key of'] }, START)
  })

  test.each([
    [['--out', 'x'], 'either a PKI directory'],
    [['acme', '--restore', 'f', '--out', 'x'], 'either a PKI directory'],
    [['acme', '--plain', '--shares', '2/3', '--out', 'x'], '--plain'],
    [['acme', '--cert', 'f', '--out', 'x'], '--cert requires --restore'],
    [['--restore', 'f', '--shares', '2/3', '--out', 'x'], '--shares and --restore are mutually exclusive'],
    [['--restore', '-', '--passphrase-file', '-', '--out', 'x'], 'from stdin'],
    [['acme', '--shares', '1/3', '--out', 'x'], '(--shares).'],
    [['acme'], '--out'],
  ])('refuses %j', async (words, name) => {
    const { home } = await copiedPki()
    await expectRefusal(
      home,
      ['ca', 'paper', ...words],
      { status: 2, code: 'ERR_USAGE', names: [name] },
      { cwd: home.path },
    )
  })
})

describe('ca paper --restore', () => {
  test('accepts typed lines from stdin in any order and form', async () => {
    const all = await printedScene()
    const stdin = [...all.lines]
      .reverse()
      .map((line) => line.toLowerCase().replace(/0/g, 'O').replace(/1/g, 'l'))
      .join('\n')
    const words = [
      'ca',
      'paper',
      '--restore',
      '-',
      '--out',
      all.at('back.key'),
      '--cert',
      all.path('factory_ca.pem'),
      '--json',
    ]
    const { stdout } = await all.home.fpki(words, { ...START, stdin })
    expect(restorePaperResult.parse(JSON.parse(stdout))).toMatchObject({
      encrypted: true,
      checkedAgainst: 'certificate',
    })
    await expectRecovered(all.at('back.key'), all)
  })

  test('reports every line with an error without printing it', async () => {
    const all = await printedScene()
    const typed = all.lines.map((line, at) =>
      at === 2 || at === 6 ? line.replace(/\w(\w)$/, '$1$1').replace(/ (.)/, ' Z$1') : line,
    )
    await writeFile(all.at('typed'), typed.join('\n'))
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: ['Line K03', 'line K07', 'letter by letter'] }
    await expectRefusal(all.home, all.restore, refusal, START)
    const { stdout, stderr } = await all.home.fpki([...all.restore, '--verbose'], START)
    const groups = [...typed, ...all.lines].flatMap((line) => line.match(/ (\w{5} \w{5}) /g) ?? [])
    expect(found(groups, stdout + stderr)).toEqual([])
    await writeFile(all.at('typed'), all.lines.slice(0, -2).join('\n'))
    const missing = all.lines
      .slice(-2)
      .map((line) => line.slice(0, 3))
      .join(', ')
    await expectRefusal(all.home, all.restore, { status: 6, code: 'ERR_BAD_FILE', names: [missing, 'missing'] }, START)
  })

  test('reports some lines of another file, and the number of others', async () => {
    const all = await printedScene()
    await writeFile(all.at('typed'), 'a line\n'.repeat(50))
    const names = ['not a key sheet: no line starts with a line number such as K07 or S02-01.']
    await expectRefusal(all.home, all.restore, { status: 6, code: 'ERR_BAD_FILE', names }, START)
  })

  test('of a file with many errors names some lines, and how many more there are', async () => {
    const all = await printedScene()
    await writeFile(all.at('typed'), `${all.lines[0]}\n${'a line\n'.repeat(50)}`)
    const refusal = { status: 6, code: 'ERR_BAD_FILE', names: ['line 31 of the input', 'and 20 more'] }
    await expectRefusal(all.home, all.restore, refusal, START)
  })

  test('compares the key with the certificate, or asks the user to', async () => {
    const all = await printedScene()
    await writeFile(all.at('typed'), all.lines.join('\n'))
    const other = [...all.restore, '--cert', all.path('local-ca.pem')]
    await expectRefusal(all.home, other, { status: 6, code: 'ERR_BAD_KEY', names: ['local-ca.pem'] }, START)
    const { status, stderr } = await all.home.fpki(all.restore, START)
    expect({ status, asks: /Compare the SHA-256 of the public key .* [0-9a-f]{64}$/m.test(stderr) }).toEqual({
      status: 0,
      asks: true,
    })
    await expectRefusal(all.home, all.restore, { status: 3, code: 'ERR_EXISTS', names: ['back.key'] }, START)
    await rm(all.at('back.key'))
    const wrong = { env: { FPKI_PASSPHRASE: 'another horse battery' } }
    await expectRefusal(
      all.home,
      all.restore,
      { status: 6, code: 'ERR_PASSPHRASE', names: ['Wrong passphrase for'] },
      wrong,
    )
  })

  test('encrypts a key from shares with --encrypt-keys', async () => {
    const all = await sharedScene('2/3')
    await writeFile(all.at('typed'), [all.sheets[2], all.sheets[0]].flat().join('\n'))
    const { stderr } = await all.home.fpki(all.withCert)
    expect(stderr).toMatch(/warning: \S+back\.key is not encrypted, because .*--encrypt-keys/)
    expect(await readFile(all.at('back.key'), 'utf8')).toBe(await all.text('factory_ca.key'))
    await rm(all.at('back.key'))
    expect((await all.home.fpki([...all.withCert, '--encrypt-keys'], START)).status).toBe(0)
    expect(await readFile(all.at('back.key'), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED/)
    await expectRecovered(all.at('back.key'), all)
  })

  test('reports too few shares, a typing error, and shares of another printing', async () => {
    const all = await sharedScene('3/5')
    const again = await all.home.fpki(['ca', 'paper', all.directory, '--shares', '3/5', '--out', all.at('other')])
    expect(again.status).toBe(0)
    const foreign = (await linesOf(all.at('other/sheet-4.html'))).filter((line) => line.startsWith('S'))
    const [one = [], two = [], three = []] = all.sheets
    const expectError = async (lines: readonly string[], ...names: readonly string[]) => {
      await writeFile(all.at('typed'), lines.join('\n'))
      expectWords(await all.home.fpki(all.withCert), { status: 6, code: 'ERR_BAD_FILE', names })
    }
    await expectError([...one, ...two], '3 of the 5 shares are needed: got 1, 2; add 1 more of 3, 4, 5.')
    await expectError([...one, ...one, ...one], '3 of the 5 shares are needed: got 1; add 2 more of 2, 3, 4, 5.')
    await expectError([...one, ...two, ...foreign], 'Share 4 was not printed with this key')
    await expectError(
      [...one, ...two, ...three.map((line) => line.replace(/^(S03-02 .)./, '$1U'))],
      'Line S03-02 has a typing error',
    )
    await expectError(
      [...one, ...two, ...three].filter((line) => !line.startsWith('S02-01')),
      'Line S02-01 is missing',
    )
    await expectError(
      [...one, ...two, ...three].filter((line) => line.startsWith('S')),
      'The lines of the key (K01, K02, …) are missing',
    )
    const other = await linesOf(all.at('other/sheet-1.html'))
    await expectError([...one, ...other], 'occurs twice with different content')
  })

  test('checks each line as it is typed on a terminal', async () => {
    const all = await printedScene()
    const question = 'Line of the sheet'
    const wrong = all.lines[0]?.replace(/ \w/, ' U') ?? ''
    const [first = '', ...others] = all.lines
    const answers = [wrong, ...others, '', first, ''].map((line) => [question, `${line}\r`] as const)
    const words = `ca paper --restore - --out ${all.at('back.key')} --cert ${all.path('factory_ca.pem')}`
    const { status, stdout } = await onTerminal(all.home, words, [...answers, ['Passphrase for', `${PASSPHRASE}\r`]])
    expect({ status, stdout }).toMatchObject({ status: 0 })
    expect(stdout).toMatch(/line K01 has a typing error; type it again/)
    expect(stdout).toContain('Line K01 is missing. Ctrl-C aborts.')
    expect(stdout).not.toContain(PASSPHRASE)
    // Node.js warns about it after ten prompts with a listener each.
    expect(stdout).not.toContain('MaxListenersExceededWarning')
    await expectRecovered(all.at('back.key'), all)
  })
})

async function encryptedPki(): Promise<Made> {
  const made = await copiedPki()
  const path = made.path('factory_ca.key')
  const pem = await output('openssl', ['pkcs8', '-topk8', '-in', path, '-passout', 'env:P'], { env: { P: PASSPHRASE } })
  await rm(path)
  await writeFile(path, pem, { mode: 0o400 })
  return made
}
