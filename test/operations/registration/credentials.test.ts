import { describe, expect, test } from 'vitest'
import type { StoredToken } from '../../../src/devices/credential-store.js'
import { credentialsIn } from '../../../src/operations/registration/credentials.js'
import { newToken } from './scene.js'

/** Credentials of a store with one token, which counts its queries, at a time that the test sets. */
function scene() {
  const { text, token } = newToken()
  let stored: StoredToken = { ...token, used: 0, listed: null, revokedAt: null }
  let now = Date.now()
  let queries = 0
  let failure: Error | null = null
  const credentials = credentialsIn(
    {
      token: async (id) => {
        queries++
        if (failure !== null) throw failure
        return id === stored.id ? stored : null
      },
      stationByCertificate: async () => null,
    },
    () => new Date(now),
  )
  return {
    text,
    id: token.id,
    authenticate: (wanted: string) => credentials.authenticate({ kind: 'token', token: wanted }),
    change: (changes: Partial<StoredToken>) => {
      stored = { ...stored, ...changes }
    },
    later: (milliseconds: number) => {
      now += milliseconds
    },
    fail: (error: Error | null) => {
      failure = error
    },
    queries: () => queries,
  }
}

const SECRET = 'A'.repeat(43)

describe('tokens', () => {
  test('a wrong secret and an unknown ID cost the same queries', async () => {
    const [one, other] = [scene(), scene()]
    for (let time = 0; time < 3; time++) {
      expect(await one.authenticate(`fpki_${one.id}_${SECRET}`)).toBeNull()
      expect(await other.authenticate(`fpki_${'0'.repeat(16)}_${SECRET}`)).toBeNull()
      expect([one.queries(), other.queries()]).toEqual([1, 1])
    }
  })

  test('ten thousand wrong secrets are one query', async () => {
    const { authenticate, id, queries } = scene()
    const wrong = Array.from({ length: 10_000 }, (_, at) => `fpki_${id}_${String(at).padStart(43, '0')}`)
    expect((await Promise.all(wrong.map(authenticate))).every((caller) => caller === null)).toBe(true)
    expect(queries()).toBe(1)
  })

  test('what is no token is not looked for', async () => {
    const { authenticate, id, queries } = scene()
    for (const text of ['', 'dummy', id, `fpki_${id}`, `fpki_${id}_${SECRET}x`, `fpki_${id}_${SECRET}\n`])
      expect(await authenticate(text)).toBeNull()
    expect(queries()).toBe(0)
  })

  test('a revoked one is one for a second at most', async () => {
    const { authenticate, text, change, later } = scene()
    expect(await authenticate(text)).not.toBeNull()
    change({ revokedAt: Date.now() })
    later(1000)
    expect(await authenticate(text)).toBeNull()
  })

  test('one that expires ends at once, although it is remembered', async () => {
    const { authenticate, text, change, later } = scene()
    change({ expiresAt: Date.now() + 500 })
    expect(await authenticate(text)).not.toBeNull()
    later(600)
    expect(await authenticate(text)).toBeNull()
  })

  test('one that is used up is still one: its devices may ask again', async () => {
    const { authenticate, text, change } = scene()
    change({ uses: 1, used: 1 })
    expect(await authenticate(text)).not.toBeNull()
  })

  test('an error is not remembered', async () => {
    const { authenticate, text, fail } = scene()
    fail(new Error('away'))
    await expect(authenticate(text)).rejects.toThrow('away')
    fail(null)
    expect(await authenticate(text)).not.toBeNull()
  })

  test('many unknown ones do not fill the memory', async () => {
    const { authenticate, text, queries } = scene()
    await authenticate(text)
    const unknown = Array.from({ length: 5000 }, (_, at) => `fpki_${at.toString(16).padStart(16, '0')}_${SECRET}`)
    for (const one of unknown) await authenticate(one)
    await authenticate(text)
    expect(queries()).toBe(1 + 5000 + 1)
  })
})
