import { createPrivateKey, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type Constructed, fromBER } from 'asn1js'
import { describe, expect, test } from 'vitest'
import { newEnvelope, openEnvelope, type Recipients } from '../../../src/containers/cms/envelope.js'
import { thisMachine } from '../../../src/machine/index.js'
import { readPemCertificate } from '../../../src/pki/read-certificate.js'
import { sha256 } from '../../../src/sha256.js'
import { octetsAsFile } from '../../../src/storage/readable-file.js'
import { output, runProgram, temporaryDirectory } from '../../support/cli.js'
import { open, pieces, seal } from '../../support/envelopes.js'
import { ALL_POINTS } from '../../support/points.js'

const machine = thisMachine()
const PASSPHRASE = 'nine lives of a fish'
const CONTENT = Buffer.from(`the content ${'of a backup '.repeat(50)}`)

function sealed(recipients: Partial<Recipients> = {}, content: Uint8Array = CONTENT, passphraseRounds = 1000) {
  const all = { passphrase: PASSPHRASE, certificates: [], ...recipients }
  return seal(newEnvelope(all, { ...machine, passphraseRounds }), content)
}

/** Somebody with a key and a certificate of OpenSSL's. */
async function somebody(words: readonly string[]) {
  const folder = await temporaryDirectory()
  const [key, pem] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  await output('openssl', ['req', '-x509', '-nodes', '-subj', '/CN=somebody', '-keyout', key, '-out', pem, ...words])
  const certificate = readPemCertificate(await readFile(pem, 'utf8'), pem)
  return { folder, pem, certificate, key, privateKey: createPrivateKey(await readFile(key)) }
}

const KINDS = {
  'P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'P-521': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  'RSA 2048': ['-newkey', 'rsa:2048'],
}

async function openedByOpenssl(file: Uint8Array, words: readonly string[], folder: string): Promise<string> {
  await writeFile(join(folder, 'file'), file)
  return output('openssl', ['cms', '-decrypt', '-inform', 'der', '-binary', '-in', join(folder, 'file'), ...words])
}

describe('an envelope for a passphrase', () => {
  test('can be opened with it, also by OpenSSL', async () => {
    const file = await sealed()
    expect((await open(file, { passphrase: PASSPHRASE }))?.content).toEqual(CONTENT)
    const opened = await openedByOpenssl(file, ['-pwri_password', PASSPHRASE], await temporaryDirectory())
    expect(opened).toBe(CONTENT.toString())
  })

  test('may exceed the 16 MB that asn1js accepts by default', async () => {
    const content = Buffer.alloc(20_000_000, 'a PKI with a long history ')
    expect((await open(await sealed({}, content), { passphrase: PASSPHRASE }))?.content.equals(content)).toBe(true)
  })

  test('uses 600,000 rounds of PBKDF2 with SHA-256', async () => {
    const envelope = newEnvelope({ passphrase: PASSPHRASE, certificates: [] }, machine)
    const file = join(await temporaryDirectory(), 'file')
    await writeFile(file, envelope.seal({ size: CONTENT.length, read: () => pieces(CONTENT) }))
    const shown = await output('openssl', ['cms', '-cmsout', '-print', '-inform', 'der', '-in', file])
    const derivation = shown.slice(shown.indexOf('PBKDF2'), shown.indexOf('keyEncryptionAlgorithm'))
    expect(derivation).toMatch(/INTEGER\s*:0927C0\b/)
    expect(derivation).toContain('hmacWithSHA256')
    expect(shown).toContain('aes-256-gcm')
  })

  test('cannot be opened with another', async () => {
    const file = await sealed()
    const tries = Array.from({ length: 500 }, (_, at) => open(file, { passphrase: `${PASSPHRASE}${at}` }))
    const others = await Promise.all(tries)
    expect(new Set(others)).toEqual(new Set([null]))
  })

  test.each([0, 1, 15, 16, 17, 100_000])('may contain %i octets', async (size) => {
    const content = randomBytes(size)
    const file = await sealed({}, content)
    expect((await open(file, { passphrase: PASSPHRASE }))?.content).toEqual(content)
  })
})

describe.each(Object.entries(KINDS))('an envelope for a certificate, %s', (_, words) => {
  test('can be opened with its key, also by OpenSSL', async () => {
    const { folder, pem, certificate, key, privateKey } = await somebody(words)
    const file = await sealed({ passphrase: null, certificates: [certificate] })
    expect((await open(file, { key: privateKey }))?.content).toEqual(CONTENT)
    expect(await openedByOpenssl(file, ['-recip', pem, '-inkey', key], folder)).toBe(CONTENT.toString())
  })

  test('cannot be opened with another key', async () => {
    const [one, other] = [await somebody(words), await somebody(words)]
    const file = await sealed({ passphrase: null, certificates: [one.certificate] })
    expect(await open(file, { key: other.privateKey })).toBeNull()
  })
})

test('an envelope for a passphrase and several recipients can be opened by each of them', async () => {
  const people = [await somebody(KINDS['P-256']), await somebody(KINDS['RSA 2048']), await somebody(KINDS['P-384'])]
  const file = await sealed({ certificates: people.map(({ certificate }) => certificate) })
  expect((await open(file, { passphrase: PASSPHRASE }))?.content).toEqual(CONTENT)
  for (const { folder, pem, key, privateKey } of people) {
    expect((await open(file, { key: privateKey }))?.content).toEqual(CONTENT)
    expect(await openedByOpenssl(file, ['-recip', pem, '-inkey', key], folder)).toBe(CONTENT.toString())
  }
  const [{ folder } = { folder: '' }] = people
  expect(await openedByOpenssl(file, ['-pwri_password', PASSPHRASE], folder)).toBe(CONTENT.toString())
})

/** What becomes of a file: its content and the digest of its recipients, or that it is refused. */
async function fateOf(file: Uint8Array): Promise<string> {
  try {
    const opened = await open(file, { passphrase: PASSPHRASE })
    return opened === null ? 'not opened' : `${opened.recipients} ${opened.content.toString('hex')}`
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return 'refused'
  }
}

test('a flipped bit is detected in every octet', async () => {
  const { certificate } = await somebody(KINDS['P-256'])
  const file = await sealed({ certificates: [certificate] }, CONTENT.subarray(0, 64), 1)
  const whole = await fateOf(file)
  // One bit of each octet, another one in each; `npm run test:all` flips all eight.
  const bits = Array.from({ length: 8 * file.length }, (_, at) => at).filter(
    (bit) => ALL_POINTS || (bit & 7) === ((bit >> 3) * 3) % 8,
  )
  const passed: number[] = []
  for (const bit of bits) {
    const changed = Buffer.from(file)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if ((await fateOf(changed)) === whole) passed.push(bit)
  }
  expect(bits.length).toBe(ALL_POINTS ? 8 * file.length : file.length)
  expect(file.length).toBeGreaterThan(500)
  expect(passed).toEqual([])
})

test('a file with many expensive passphrase recipients is refused immediately', async () => {
  const file = await sealed({}, Buffer.from('x'), 1)
  const info = fromBER(Uint8Array.from(file)).result
  const inside = (value: unknown, at: number) => (value as Constructed).valueBlock.value[at] as Constructed
  const recipients = inside(inside(inside(info, 1), 0), 1).valueBlock.value
  recipients.push(...recipients)
  const many = new Uint8Array(info.toBER())
  expect(many.length).toBeGreaterThan(file.length)
  await expect(open(many, { passphrase: PASSPHRASE })).rejects.toThrow('more than one passphrase')
})

test('content of another size than announced is not sealed', async () => {
  const envelope = () => newEnvelope({ passphrase: PASSPHRASE, certificates: [] }, { ...machine, passphraseRounds: 1 })
  for (const size of [CONTENT.length - 1, CONTENT.length + 1])
    await expect(buffer(envelope().seal({ size, read: () => pieces(CONTENT) }))).rejects.toThrow('instead of')
})

test('content is authenticated before the first octet is given, and again at its end', async () => {
  const file = await sealed({}, randomBytes(3_000_000))
  const octets = octetsAsFile(file)
  const opened = await openEnvelope(octets, { passphrase: PASSPHRASE })
  expect(opened?.sha256).toBe(sha256(file))
  // Replaced by somebody after it was opened.
  file[2_000_000] = (file[2_000_000] ?? 0) ^ 1
  await expect(openEnvelope(octets, { passphrase: PASSPHRASE })).rejects.toThrow('modified')
  if (opened !== null) await expect(buffer(opened.content())).rejects.toThrow('modified')
  expect.assertions(3)
})

test('a file that is truncated or has trailing octets is refused', async () => {
  const file = await sealed({}, CONTENT, 1)
  for (let size = 0; size < file.length; size++) expect(await fateOf(file.subarray(0, size))).toBe('refused')
  expect(await fateOf(Buffer.concat([file, Buffer.of(0)]))).toBe('refused')
})

test('OpenSSL rejects content with a flipped bit', async () => {
  const file = await sealed()
  file[file.length - 100] = (file[file.length - 100] ?? 0) ^ 1
  const path = join(await temporaryDirectory(), 'file')
  await writeFile(path, file)
  const words = ['cms', '-decrypt', '-inform', 'der', '-binary', '-in', path, '-pwri_password', PASSPHRASE]
  expect((await runProgram('openssl', words)).status).not.toBe(0)
})
