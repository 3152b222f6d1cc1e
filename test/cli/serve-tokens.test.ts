import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newHome } from '../support/cli.js'
import { type Answer, CERTS, SELF, type Served, serve } from '../support/served.js'

const ORDER = { 'first-time-init': false, 'ca-csr': false, 'tls-csr': true, 'est-tls-csr': false }
const NO_TOKEN = { msg: 'the token is missing, invalid, expired or revoked' }

/** What a server without any fault answers to each way of asking. */
async function asked(server: Served, token?: string): Promise<Readonly<Record<string, readonly [number, unknown]>>> {
  const proof = token === undefined ? {} : { token }
  const short = ({ status, text }: Answer) => [status, JSON.parse(text)] as const
  return {
    read: short(await server.ask('GET', CERTS, proof)),
    order: short(await server.ask('POST', CERTS, { ...proof, body: JSON.stringify(ORDER) })),
    update: short(await server.ask('PATCH', CERTS, { ...proof, body: '{"ca-crt": ""}' })),
  }
}

describe('a token', () => {
  test('that is missing, wrong, short, revoked or expired gives no access', async () => {
    const server = await serve()
    const [good, short] = [
      await server.token('--factory', 'acme'),
      await server.token('--factory', 'acme', '--expires', '1h'),
    ]
    expect((await asked(server, good))['read']?.[0]).toBe(206)
    const last = good.at(-1) === 'A' ? 'B' : 'A'
    const [, id] = good.split('_')
    const wrong = [undefined, 'x', `${good.slice(0, -1)}${last}`, `${good} `.repeat(2).trim(), good.slice(0, -1), id]
    for (const token of wrong) {
      const nothing = [401, NO_TOKEN]
      expect(await asked(server, token)).toEqual({ read: nothing, order: nothing, update: nothing })
    }
    const [, first = ''] = good.split('_')
    expect((await server.home.fpki(['api', 'token', 'revoke', first])).status).toBe(0)
    expect((await asked(server, good))['read']).toEqual([401, NO_TOKEN])
    expect((await asked(server, short))['read']?.[0]).toBe(206)
    await expire(server)
    expect((await asked(server, short))['read']).toEqual([401, NO_TOKEN])
    const { stdout } = await server.home.fpki(['api', 'token', 'list', '--json'])
    expect(JSON.parse(stdout).tokens).toMatchObject([{ factory: 'acme', expired: true }])
  })

  test('with a read scope changes nothing', async () => {
    const server = await serve()
    const token = await server.token('--factory', 'acme', '--scope', 'ci-read')
    const refusal = [403, { msg: 'this token is read-only; the scope ci-write is required' }]
    expect(await asked(server, token)).toEqual({
      read: [206, { msg: 'not initialized' }],
      order: refusal,
      update: refusal,
    })
  })

  test('for one factory gives access to that one only, and reveals no others', async () => {
    const server = await serve()
    const [, other] = [await server.token('--factory', 'acme'), await server.token('--factory', 'other')]
    const refusal = [403, { msg: 'this token is not valid for this factory' }]
    expect(await asked(server, other)).toEqual({ read: refusal, order: refusal, update: refusal })
    expect((await server.ask('GET', '/ota/factories/nowhere/certs/', { token: other })).status).toBe(403)
    expect((await server.ask('GET', '/ota/factories/other/users/self/', { token: other })).status).toBe(200)
  })

  test('for all factories gives access to existing ones', async () => {
    const server = await serve()
    await server.token('--factory', 'acme')
    const token = await server.token('--all-factories')
    expect((await server.ask('GET', CERTS, { token })).status).toBe(206)
    for (const name of ['nowhere', '..', '%2e%2e', 'acme%2f..%2facme', '.', 'a%00b', 'x'.repeat(99)]) {
      const { status } = await server.ask('GET', `/ota/factories/${name}/users/self/`, { token })
      expect({ name, status }).toEqual({ name, status: 404 })
    }
  })

  test('may be base64 after Bearer', async () => {
    const server = await serve()
    const token = await server.token('--factory', 'acme')
    const bearer = (text: string) => server.ask('GET', SELF, { headers: { Authorization: `Bearer ${text}` } })
    expect((await bearer(Buffer.from(token).toString('base64'))).status).toBe(200)
    for (const text of [token, Buffer.from(`${token}x`).toString('base64'), '%%%'])
      expect((await bearer(text)).status).toBe(401)
  })

  test('is stored only as SHA-256, in a private file', async () => {
    const home = await newHome()
    const { stdout, stderr } = await home.fpki(['api', 'token', 'create', '--factory', 'acme'])
    expect(stdout).toMatch(/^fpki_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\n$/)
    expect(stderr).toContain('Created the factory acme')
    expect(stderr).not.toContain(stdout.trim())
    const path = join(home.state, 'api', 'tokens.json')
    const text = await readFile(path, 'utf8')
    expect(text).not.toContain(stdout.trim().slice(-43))
    expect(JSON.parse(text).tokens[0].sha256).toBe(createHash('sha256').update(stdout.trim()).digest('hex'))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const { stdout: listed } = await home.fpki(['api', 'token', 'list'])
    expect(listed).toMatch(/^[0-9a-f]{16} {2}acme {2}ci-write {2}created .*, does not expire\n$/)
  })

  test.each<readonly [string, readonly string[], string]>([
    ['for nobody knows what', [], '--factory NAME, or --all-factories'],
    ['for one and for all', ['--factory', 'acme', '--all-factories'], '--factory NAME, or --all-factories'],
    ['with a scope that there is not', ['--all-factories', '--scope', 'all'], 'Unknown scope "all"'],
    ['that has expired', ['--all-factories', '--expires', '2001-01-01T00:00:00Z'], 'Not a time in the future'],
    ['until some day', ['--all-factories', '--expires', 'tomorrow'], 'Not a time in the future'],
    ['until now', ['--all-factories', '--expires', '0d'], 'Not a time in the future'],
  ])('%s is refused', async (_, words, said) => {
    const home = await newHome()
    const { status, stdout, stderr } = await home.fpki(['api', 'token', 'create', ...words])
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: expect.stringContaining(said) })
    expect((await home.fpki(['api', 'token', 'list'])).stdout).toBe('')
    expect((await home.fpki(['api', 'token', 'revoke', '0123456789abcdef'])).status).toBe(2)
  })

  test('given in place of its ID is not printed', async () => {
    const home = await newHome()
    const token = (await home.fpki(['api', 'token', 'create', '--factory', 'acme'])).stdout.trim()
    const { status, stderr } = await home.fpki(['api', 'token', 'revoke', token])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining('Pass the ID of a token, not the token'),
    })
    expect(stderr).not.toContain(token.slice(-43))
  })

  test('is not lost when eight are created concurrently', async () => {
    const home = await newHome()
    const one = () => home.fpki(['api', 'token', 'create', '--factory', 'acme'])
    const made = await Promise.all(Array.from({ length: 8 }, one))
    const ids = made.map(({ stdout }) => stdout.split('_')[1])
    const { stdout } = await home.fpki(['api', 'token', 'list', '--json'])
    expect(
      JSON.parse(stdout)
        .tokens.map(({ id }: { id: string }) => id)
        .sort(),
    ).toEqual(ids.sort())
  })
})

/** Every token that expires has done so. */
async function expire({ home }: Served): Promise<void> {
  const { writeFile } = await import('node:fs/promises')
  const path = join(home.state, 'api', 'tokens.json')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace(/"expiresAt": "[^"]+"/, '"expiresAt": "2026-01-01T00:00:00Z"'))
}

describe('OAuth', () => {
  const grant = async (server: Served, form: Readonly<Record<string, string>>) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const { status, text } = await server.ask('POST', '/oauth/token/', {
      headers,
      body: new URLSearchParams(form).toString(),
    })
    return { status, body: JSON.parse(text) }
  }
  const bearer = async (server: Served, token: string) => {
    const headers = { Authorization: `Bearer ${Buffer.from(token).toString('base64')}` }
    return (await server.ask('GET', CERTS, { headers })).status
  }

  test('issues tokens to a client that last as long as the underlying token', async () => {
    const server = await serve()
    const secret = await server.token('--factory', 'acme', '--scope', 'ci-read')
    const client = { client_id: secret.split('_')[1] ?? '', client_secret: secret }
    const { status, body } = await grant(server, { grant_type: 'client_credentials', ...client })
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { token_type: 'Bearer', expires_in: 3600, scope: 'ci-read', orgs: ['acme'] },
    })
    expect(await bearer(server, body.access_token)).toBe(206)
    expect(await bearer(server, body.refresh_token)).toBe(401)
    const later = body.access_token.replace(/\.(\d+)\./, (_: string, time: string) => `.${Number(time) + 1}.`)
    expect(await bearer(server, later)).toBe(401)
    const again = await grant(server, { grant_type: 'refresh_token', refresh_token: body.refresh_token, ...client })
    expect(again.status).toBe(200)
    expect(await bearer(server, again.body.access_token)).toBe(206)

    const refusals: readonly (readonly [Readonly<Record<string, string>>, number])[] = [
      [{ grant_type: 'refresh_token', refresh_token: body.access_token, ...client }, 400],
      [{ grant_type: 'password', ...client }, 400],
      [{ grant_type: 'client_credentials', ...client, client_id: '0'.repeat(16) }, 401],
      [{ grant_type: 'client_credentials', ...client, client_secret: 'x' }, 401],
      [{}, 400],
    ]
    for (const [form, expected] of refusals) {
      const refused = await grant(server, form)
      expect({ form, status: refused.status }).toEqual({ form, status: expected })
      expect(JSON.stringify(refused.body)).not.toContain(secret)
    }

    await server.stop()
    const restarted = await serve([], server.home)
    expect(await bearer(restarted, body.access_token)).toBe(206)
    await server.home.fpki(['api', 'token', 'revoke', client.client_id])
    expect(await bearer(restarted, body.access_token)).toBe(401)
  })

  test('works with fpki login --client-id', async () => {
    const server = await serve()
    const secret = await server.token('--factory', 'acme')
    const { env, home, run } = server.client('')
    const { mkdir, writeFile } = await import('node:fs/promises')
    await mkdir(home.path)
    const file = join(home.path, 'secret')
    await writeFile(file, secret, { mode: 0o600 })
    const where = { ...env, FPKI_TOKEN: '' }
    const words = [
      'login',
      '--client-id',
      secret.split('_')[1] ?? '',
      '--client-secret-file',
      file,
      '--oauth-url',
      `${server.url}/oauth`,
    ]
    const login = await run(words, { env: where })
    expect({ status: login.status, stderr: login.stderr.includes(secret) }).toEqual({ status: 0, stderr: false })
    const ping = await run(['api', 'ping', '--json'], { env: where })
    expect({ status: ping.status, stderr: ping.stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(ping.stdout)).toMatchObject({ api: server.url, factory: 'acme' })
  })
})
