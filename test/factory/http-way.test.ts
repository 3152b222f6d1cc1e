import { describe, expect, test } from 'vitest'
import type { OAuthTokens } from '../../src/config/oauth-client.js'
import { oauthCredentials } from '../../src/factory/http/credentials.js'
import type { Seen } from '../support/factory-server.js'
import { startProxy } from '../support/proxy.js'
import { overHttp, quickPorts, sendTo } from './support/http.js'

const SECRET = 'a-client-secret'
const OLD: OAuthTokens = {
  ...{ accessToken: 'old-access', refreshToken: 'old-refresh', tokenType: 'Bearer' },
  ...{ expiresIn: 3600, created: '2026-11-23T09:00:00Z' },
}

function bearer(token: string): string {
  return `Bearer ${Buffer.from(token).toString('base64')}`
}

/** A client with OAuth credentials, and a server that takes `valid` access tokens and gives out `new-…`. */
async function withOAuth(held: OAuthTokens | null, valid: readonly string[]) {
  const { server, again } = await overHttp()
  const saved: OAuthTokens[] = []
  const grants: URLSearchParams[] = []
  server.accepts = ({ headers }) => valid.map(bearer).includes(headers.authorization ?? '')
  const give = (form: URLSearchParams) => {
    const tokens = { access_token: 'new-access', refresh_token: 'new-refresh', token_type: 'Bearer', expires_in: 60 }
    return form.get('refresh_token') === 'stale'
      ? { status: 401, body: { error: 'invalid_grant' } }
      : { status: 200, body: { ...tokens, scope: 'x', orgs: [] } }
  }
  const grant = ({ body }: Seen) => {
    const form = new URLSearchParams(body)
    grants.push(form)
    return give(form)
  }
  server.others.set('/oauth/token/', grant)
  const client = { clientId: 'me', clientSecret: SECRET, url: `${server.url}/oauth` }
  const ports = { ...quickPorts(), send: sendTo(server), userAgent: 'fpki/test' }
  const credentials = oauthCredentials(client, held, ports, async (tokens) => void saved.push(tokens))
  return { server, api: again({ credentials }), saved, grants }
}

describe('OAuth tokens', () => {
  const fresh = {
    accessToken: 'new-access',
    refreshToken: 'new-refresh',
    expiresIn: 60,
    created: '2026-11-23T09:43:55Z',
  }

  test('that are valid are used', async () => {
    const { api, grants, saved } = await withOAuth(OLD, ['old-access'])
    expect(await api.getCertificates()).toBeNull()
    expect({ grants, saved }).toEqual({ grants: [], saved: [] })
  })

  test('are requested with the client secret if there are none, and only once', async () => {
    const { api, grants, saved } = await withOAuth(null, ['new-access'])
    expect(await api.getCertificates()).toBeNull()
    expect(await api.getCertificates()).toBeNull()
    const form = { grant_type: 'client_credentials', client_id: 'me', client_secret: SECRET }
    expect(grants.map((grant) => Object.fromEntries(grant))).toEqual([form])
    expect(saved).toMatchObject([fresh])
  })

  test('are renewed before they expire', async () => {
    const { api, grants, saved, server } = await withOAuth({ ...OLD, expiresIn: 44 * 60 + 30 }, ['new-access'])
    expect(await api.getCertificates()).toBeNull()
    const form = { grant_type: 'refresh_token', client_id: 'me', client_secret: SECRET, refresh_token: 'old-refresh' }
    expect(grants.map((grant) => Object.fromEntries(grant))).toEqual([form])
    expect(saved).toMatchObject([fresh])
    expect(server.seen.some(({ headers }) => headers.authorization === bearer('old-access'))).toBe(false)
  })

  test('are renewed once after a 401, even during a change', async () => {
    const { api, grants } = await withOAuth(OLD, ['new-access'])
    await expect(api.updateCertificates({ rootCrt: 'x' })).rejects.toMatchObject({ status: 400 })
    expect(grants.length).toBe(1)
  })

  test('that are refused again end with a 401', async () => {
    const { api, grants } = await withOAuth(OLD, [])
    await expect(api.getCertificates()).rejects.toMatchObject({ status: 401 })
    expect(grants.length).toBe(1)
  })

  test('are requested with the secret when the refresh token is refused', async () => {
    const { api, grants } = await withOAuth({ ...OLD, refreshToken: 'stale' }, ['new-access'])
    expect(await api.getCertificates()).toBeNull()
    expect(grants.map((grant) => grant.get('grant_type'))).toEqual(['refresh_token', 'client_credentials'])
  })

  test('that are refused: a secret repeated by the server is not in the message', async () => {
    const { api, server } = await withOAuth(null, [])
    server.others.set('/oauth/token/', () => ({ status: 401, body: { msg: `bad ${SECRET}` } }))
    const error = await api.getCertificates().catch((caught) => caught)
    expect(error).toMatchObject({ status: 401, hint: expect.stringContaining('fpki login --client-id') })
    expect(JSON.stringify([error.message, error.hint, error.reason])).not.toContain(SECRET)
  })

  test('in an invalid response: the member is named', async () => {
    const { api, server } = await withOAuth(null, [])
    server.others.set('/oauth/token/', () => ({ status: 200, body: { access_token: 'x', expires_in: 'soon' } }))
    await expect(api.getCertificates()).rejects.toThrow('"expires_in" is missing or has the wrong type')
  })

  test('are requested again when the server is busy', async () => {
    const { api, server } = await withOAuth(null, ['new-access'])
    const fault = { kind: 'answer', status: 503, body: '' } as const
    server.faults.push({ method: 'POST', part: '/token/', times: 2, fault })
    expect(await api.getCertificates()).toBeNull()
  })
})

describe('a proxy', () => {
  test('tunnels to the server, whose certificate is still checked', async () => {
    const { again, server } = await overHttp()
    const proxy = await startProxy(server.port)
    const url = `https://api.example.test:${server.port}`
    expect(await again({ url, proxy: proxy.at }).getCertificates()).toBeNull()
    expect(await again({ url, proxy: `http://me:pass-word@${proxy.at}` }).getCertificates()).toBeNull()
    const to = `api.example.test:${server.port}`
    const authorization = `Basic ${Buffer.from('me:pass-word').toString('base64')}`
    expect(proxy.asked).toEqual([
      { to, authorization: undefined },
      { to, authorization },
    ])
    const other = `https://other.example.test:${server.port}`
    await expect(again({ url: other, proxy: proxy.at }).getCertificates()).rejects.toThrow('is for another host')
  })

  test('is not used for NO_PROXY hosts and this machine', async () => {
    const { again, server } = await overHttp()
    const proxy = await startProxy(server.port)
    expect(await again({ proxy: proxy.at }).getCertificates()).toBeNull()
    const url = `https://nowhere.invalid:${server.port}`
    const named = again({ url, proxy: proxy.at, noProxy: '.invalid' })
    await expect(named.getCertificates()).rejects.toMatchObject({ status: 0 })
    expect(proxy.asked).toEqual([])
  })

  test('that refuses is reported without its password', async () => {
    const { again, server } = await overHttp()
    const proxy = await startProxy(server.port, '407 Proxy Authentication Required')
    const api = again({ url: 'https://api.example.test', proxy: `http://me:pass-word@${proxy.at}` })
    const error = await api.getCertificates().catch((caught) => caught)
    expect(error.message).toContain('the proxy refused the connection (407)')
    expect(`${error.message}${error.hint}${error.cause?.stack}`).not.toContain('pass-word')
    expect(server.seen).toEqual([])
  })

  test('with an invalid address is a usage error without its password', async () => {
    const { again } = await overHttp()
    expect(() => again({ proxy: 'ftp://me:pass-word@x' })).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE', message: expect.not.stringContaining('pass-word') }),
    )
  })
})
