import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { FPKI, newHome, runProgram } from '../support/cli.js'
import { CERTS, type Served, serve } from '../support/served.js'

/** What the server answers to these octets, until it ends the connection. */
function raw({ port }: Served, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('secureConnect', () => socket.write(text))
    socket.setEncoding('utf8').on('data', (more) => {
      answer += more
    })
    socket.on('error', () => undefined).on('close', () => resolve(answer))
  })
}

test('errors of the HTTP layer have a JSON body without framework details', async () => {
  const server = await serve()
  for (const [request, status] of [
    [`GET ${CERTS} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400],
    [`PATCH ${CERTS} HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`, 417],
    ['CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
    ['GET /ota/%zz/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 400],
    [`GET /ota/factories/${'a'.repeat(200)}/certs/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 400],
    ['nonsense\r\n\r\n', 400],
  ] as const) {
    const answer = await raw(server, request)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    expect({ request, status: Number(head.split(' ')[1]) }).toEqual({ request, status })
    expect(Object.keys(JSON.parse(body))).toEqual(['msg'])
    expect(body).not.toMatch(/FST_|\/ota|zz/)
  }
})

test('an OAuth token with other padding bits is refused', async () => {
  const server = await serve()
  const token = await server.token('--factory', 'acme')
  const form = { grant_type: 'client_credentials', client_id: token.split('_')[1] ?? '', client_secret: token }
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const granted = await server.ask('POST', '/oauth/token/', { body: `${new URLSearchParams(form)}`, headers })
  const access: string = JSON.parse(granted.text).access_token
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const other = `${access.slice(0, -1)}${ALPHABET[ALPHABET.indexOf(access.at(-1) ?? '') ^ 1]}`
  expect(Buffer.from(other.split('.').at(-1) ?? '', 'base64url')).toEqual(
    Buffer.from(access.split('.').at(-1) ?? '', 'base64url'),
  )
  const statusOf = async (text: string) => (await server.ask('GET', CERTS, { token: text })).status
  expect(await statusOf(access)).not.toBe(401)
  expect(await statusOf(other)).toBe(401)
})

test.each(['', '--json'])('a token that could not be written is revoked: %s', async (flag) => {
  const home = await newHome()
  const command = `"${process.execPath}" "${FPKI}" api token create --factory acme ${flag} > /dev/full`
  const { status, stderr } = await runProgram('sh', ['-c', command], { env: { HOME: home.path } })
  // With --json the error goes to stdout, too.
  expect({ status, error: stderr.includes(flag === '' ? 'Revoked the new token' : 'Cannot write to stdout') }).toEqual({
    status: 3,
    error: true,
  })
  expect((await home.fpki(['api', 'token', 'list'])).stdout).toBe('')
})
