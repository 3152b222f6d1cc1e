import type { IncomingHttpHeaders } from 'node:http'
import { findToken, type StoredToken, tokenReader } from '../../factory/embedded/tokens.js'
import type { DurableFiles } from '../../ports.js'
import { sharedReading } from '../reading.js'
import { findGranted } from './oauth.js'

/** What stands at the door. */
export interface Gate {
  /** The tokens by their ids, as they are now. */
  tokens(): Promise<ReadonlyMap<string, StoredToken>>
  /** Whose request it is; null: nobody's. */
  owner(headers: IncomingHttpHeaders, now: Date): Promise<StoredToken | null>
}

/** Lets in who has one of the tokens of a state directory. They are read for each request: one that is revoked is so at once. */
export function gate(files: DurableFiles, stateDirectory: string, oauthKey: Uint8Array): Gate {
  const read = sharedReading(tokenReader(files, stateDirectory))
  const tokens = () => read('tokens')
  return {
    tokens,
    owner: async (headers, now) => {
      const text = proofIn(headers)
      if (text === null) return null
      const known = await tokens()
      return findToken(known, text, now) ?? findGranted('access', text, known, oauthKey, now)
    },
  }
}

/** The token of a request: in OSF-TOKEN as it is, or behind `Bearer` in base64 (docs/profile.md#credentials). */
function proofIn({ 'osf-token': token, authorization = '' }: IncomingHttpHeaders): string | null {
  if (typeof token === 'string') return token
  const [, encoded] = /^bearer +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  return encoded === undefined ? null : Buffer.from(encoded, 'base64').toString('utf8')
}

/** Why the owner of a token may not do what is asked for; null: he may. */
export function whyNot({ factory, scopes }: StoredToken, asked: { factory: string; method: string }): string | null {
  if (factory !== null && factory !== asked.factory) return 'this token is not for this factory'
  if (asked.method !== 'GET' && !scopes.includes('ci-write')) return 'this token may read only; it needs ci-write'
  return null
}
