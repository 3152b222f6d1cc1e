import { createHash, randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isAccessToken } from '../../../src/access-token.js'
import {
  createLineTokenResult,
  listLineTokensResult,
  revokeLineTokenResult,
} from '../../../src/operations/devices/lines/line-tokens.js'
import { FPKI } from '../../support/cli.js'
import { registerOf, withRegister } from '../../support/device-register.js'
import { runProgram } from '../../support/run-program.js'
import { copiedPki, type Made } from '../made.js'
import { expectRefusal } from '../refusal.js'

/** A PKI with a line, and how to make tokens of it. */
async function scene() {
  const pki = await copiedPki()
  await pki.home.fpki(['lines', 'create', pki.directory, 'site-a'])
  const lines = (command: string, ...words: readonly string[]) =>
    pki.home.fpki(['lines', command, pki.directory, ...words])
  return { ...pki, lines, token: (...words: readonly string[]) => lines('token', 'site-a', ...words) }
}

/** Writes an allow list, and makes a token with it. */
async function withList(pki: Awaited<ReturnType<typeof scene>>, content: string | Uint8Array) {
  const file = join(pki.home.path, 'allow.csv')
  await writeFile(file, content)
  return pki.token('--list', file)
}

const tokensOf = ({ directory }: Made) => withRegister(directory, ({ credentials }) => credentials.tokens(null))
const onlyTokenOf = async (made: Made) => {
  const [token, another] = await tokensOf(made)
  if (token === undefined || another !== undefined) throw new Error('not one token')
  return token
}

describe('lines token', () => {
  test('prints the token alone, and only its hash is kept', async () => {
    const pki = await scene()
    const { status, stdout, stderr } = await pki.token('--uses', '500', '--for', '8h')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^fpki_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\n$/)
    const token = stdout.trim()
    const { id, createdAt, expiresAt, ...others } = await onlyTokenOf(pki)
    expect(token).toContain(`fpki_${id}_`)
    expect(others).toEqual({ line: 'site-a', uses: 500, used: 0, uuid: null, listed: null, revokedAt: null })
    expect((expiresAt ?? 0) - createdAt).toBe(8 * 3_600_000)
    const hash = await withRegister(pki.directory, async ({ credentials }) => (await credentials.token(id))?.hash)
    expect(Buffer.from(hash ?? [])).toEqual(createHash('sha256').update(token).digest())
    expect(isAccessToken(token, hash ?? new Uint8Array())).toBe(true)
    expect(stderr).toContain(id)
    const secret = token.slice(-43)
    const log = (await pki.home.fpki(['ca', 'log', pki.directory])).stdout
    expect(log).toContain(`Creates the token ${id} of the line site-a: uses 500, uuid any, until 20`)
    const kept = await Promise.all(
      ['', '-wal'].map((suffix) => readFile(`${registerOf(pki.directory)}${suffix}`, 'latin1').catch(() => '')),
    )
    for (const text of [stderr, log, ...kept]) expect(text).not.toContain(secret)
  })

  test('without limits is for any number of devices and does not expire', async () => {
    const pki = await scene()
    const { stdout, stderr } = await pki.token('--json')
    const { details, token } = createLineTokenResult.parse(JSON.parse(stdout))
    const free = { uses: null, used: 0, uuid: null, listed: null, expiresAt: null, revokedAt: null, valid: true }
    expect(details).toMatchObject({ line: 'site-a', ...free })
    expect(token).toContain(details.id)
    expect(stderr).toBe('')
  })

  test('is for one device', async () => {
    const pki = await scene()
    const uuid = randomUUID()
    await pki.token('--uuid', uuid.toUpperCase(), '--uses', '1')
    expect(await onlyTokenOf(pki)).toMatchObject({ uuid, uses: 1 })
  })

  test.each([
    [['--uses', '0'], 'Invalid number of uses: 0.', '--uses'],
    [['--uuid', 'lamp'], '"lamp" is not a UUID.', '--uuid'],
    [['--for', '0'], 'Invalid lifetime of a token: 0 seconds.', '--for'],
    [['--for', '9999d'], 'Invalid lifetime of a token:', '--for'],
  ])('refuses %j', async (words, message, flag) => {
    const pki = await scene()
    await expectRefusal(pki.home, ['lines', 'token', pki.directory, 'site-a', ...words], {
      status: 2,
      code: 'ERR_USAGE',
      names: [message, flag],
    })
    expect(await tokensOf(pki)).toEqual([])
  })

  test('is refused for the line default, for one that is closed, and for one that does not exist', async () => {
    const pki = await scene()
    await pki.lines('close', 'site-a', '--yes')
    for (const [line, hint] of [
      ['default', 'fpki lines create'],
      ['site-a', 'fpki lines create'],
      ['nowhere', 'fpki lines list'],
    ] as const)
      await expectRefusal(pki.home, ['lines', 'token', pki.directory, line], {
        status: 3,
        code: 'ERR_LINE',
        names: [line, hint],
      })
    expect(await tokensOf(pki)).toEqual([])
  })

  test('is revoked when it could not be written to stdout', async () => {
    const pki = await scene()
    const words = ['lines', 'token', pki.directory, 'site-a']
    const ended = await runProgram('sh', ['-c', '"$NODE" "$FPKI" "$@" > /dev/full', 'sh', ...words], {
      env: { NODE: process.execPath, FPKI, HOME: pki.home.path },
    })
    expect(ended.status).not.toBe(0)
    expect(ended.stderr).toContain('Revoked the new token')
    expect(await onlyTokenOf(pki)).toMatchObject({ revokedAt: expect.any(Number) })
  })
})

describe('an allow list', () => {
  test('names devices in its columns, as spreadsheets write them', async () => {
    const pki = await scene()
    const [uuid, other] = [randomUUID(), randomUUID()]
    const key = createHash('sha256').update('key').digest()
    const rows = [`;${uuid.toUpperCase()};`, `SN;;`, `"SN;2";${other};${key.toString('hex').toUpperCase()}`, ';;']
    const { status } = await withList(pki, `\uFEFFSerial;UUID;Key\r\n${rows.join('\r\n')}\r\n`)
    expect(status).toBe(0)
    const { id, listed } = await onlyTokenOf(pki)
    expect(listed).toBe(3)
    await withRegister(pki.directory, async ({ credentials }) => {
      const find = (device: object) =>
        credentials.listed(id, { uuid: randomUUID(), serialNumber: null, keyHash: null, ...device })
      const [first, second, third] = [
        await find({ uuid }),
        await find({ serialNumber: 'SN' }),
        await find({ uuid: other, serialNumber: 'SN;2', keyHash: key }),
      ]
      expect(new Set([first, second, third]).size).toBe(3)
      expect([first, second, third]).not.toContain(null)
      expect(await find({ uuid: other, serialNumber: 'SN;2' })).toBeNull()
    })
  })

  test.each([
    ['', 'it is empty'],
    ['name\nx\n', 'its header has no column uuid, serial or key'],
    ['uuid\n', 'it names no device'],
    ['uuid,serial\n,SN1\nlamp,SN2\n', 'line 3: "lamp" is not a UUID'],
    ['serial,key\nSN1,\nSN2,abc\n', 'line 3: its key is not a SHA-256 hash'],
    ['serial,name\nSN1,x\n,y\n', 'line 3 names no device'],
    ['serial\nSN1\nSN2\nSN1\n', 'line 4 is the same as line 2'],
    ['serial\nSN1\nSN\u0007\n', 'line 3: its serial is not a text'],
    [`serial\n${'x'.repeat(129)}\n`, 'line 2: its serial is not a text'],
    ['uuid,serial\nx\n', 'line 2: the header has 2 cells, this row has 1'],
    ['serial\nSN1\n"SN2\n', 'line 3 has a quote out of place'],
    [Buffer.from('serial\nSN1\nSN\xe9\n', 'latin1'), 'line 3: it is not UTF-8'],
  ])('that is %j is refused, and makes no token', async (content, reason) => {
    const pki = await scene()
    const ended = await withList(pki, content)
    expect(ended.stdout).toBe('')
    expect(ended.stderr).toContain('[ERR_BAD_FILE]')
    expect(ended.stderr).toContain(reason)
    expect(await tokensOf(pki)).toEqual([])
  })

  test('that does not exist is refused', async () => {
    const pki = await scene()
    const ended = await pki.token('--list', join(pki.home.path, 'nothing.csv'))
    expect(ended.stderr).toContain('there is no such file')
    expect(await tokensOf(pki)).toEqual([])
  })

  test('of many parts is recorded whole', async () => {
    const pki = await scene()
    const count = 20_000
    const rows = Array.from({ length: count }, (_, at) => `SN${String(at).padStart(40, '0')}\n`)
    expect((await withList(pki, `serial\n${rows.join('')}`)).status).toBe(0)
    expect(await onlyTokenOf(pki)).toMatchObject({ listed: count })
  })
})

describe('lines tokens and revoke-token', () => {
  test('list the tokens of a line or of all, and end one for ever', async () => {
    const pki = await scene()
    await pki.lines('create', 'site-b')
    await pki.token('--uses', '2')
    await pki.lines('token', 'site-b')
    const list = async (...words: readonly string[]) =>
      listLineTokensResult.parse(JSON.parse((await pki.lines('tokens', ...words, '--json')).stdout)).tokens
    const [a, b] = await list()
    expect([a?.line, b?.line]).toEqual(['site-a', 'site-b'])
    expect((await list('site-b')).map(({ id }) => id)).toEqual([b?.id])
    const text = (await pki.lines('tokens')).stdout
    expect(text).toContain(`${a?.id}  site-a  0 of 2 devices, does not expire\n`)
    const revoke = async () => pki.lines('revoke-token', a?.id ?? '', '--json')
    const first = revokeLineTokenResult.parse(JSON.parse((await revoke()).stdout))
    expect(first).toMatchObject({ changed: true, revoked: { id: a?.id, valid: false } })
    const second = revokeLineTokenResult.parse(JSON.parse((await revoke()).stdout))
    expect(second).toEqual({ ...first, changed: false })
    expect((await list()).map(({ valid }) => valid)).toEqual([false, true])
    const shown = (await pki.lines('show', 'site-a')).stdout
    expect(shown).toMatch(/^Valid tokens +0$/m)
    expect((await pki.lines('show', 'site-b')).stdout).toMatch(/^Valid tokens +1$/m)
    const log = (await pki.home.fpki(['ca', 'log', pki.directory])).stdout
    expect(log.match(/Revokes the token/g)).toHaveLength(1)
  })

  test('a token that is not known is refused, and a token in the place of its ID is not shown', async () => {
    const pki = await scene()
    const token = (await pki.token()).stdout.trim()
    const ended = await pki.lines('revoke-token', token)
    expect(ended).toMatchObject({ status: 2, stdout: '' })
    expect(ended.stderr).not.toContain(token.slice(-43))
    expect(ended.stderr).toContain('fpki lines tokens')
    expect((await pki.lines('revoke-token', '0'.repeat(16))).stderr).toContain('0'.repeat(16))
  })

  test('without a register, there is none', async () => {
    const pki = await copiedPki()
    const ended = await pki.home.fpki(['lines', 'tokens', pki.directory])
    expect(ended.stderr).toContain('[ERR_NOT_INITIALIZED]')
  })
})
