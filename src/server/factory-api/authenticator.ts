import type { IncomingHttpHeaders } from 'node:http'
import { findToken, type StoredToken, tokenReader } from '../../factory/embedded/tokens.js'
import type { DurableFiles } from '../../ports.js'
import { coalesced } from '../caching.js'
import { findGranted } from './oauth.js'

/** What stands at the door. */
export interface Authenticator {
  /** The tokens by their ids, as they are now. */
  tokens(): Promise<ReadonlyMap<string, StoredToken>>
  /** Whose request it is; null: nobody's. */
  owner(headers: IncomingHttpHeaders, now: Date): Promise<StoredToken | null>
}

/** Lets in who has one of the tokens of a state directory. They are read for each request: one that is revoked is so at once. */
export function authenticator(files: DurableFiles, stateDirectory: string, oauthKey: Uint8Array): Authenticator {
  const read = coalesced(tokenReader(files, stateDirectory))
  const tokens = () => read('tokens')
  return {
    tokens,
    owner: async (headers, now) => {
      const text = proofIn(headers)
      if (text === null) return null
      const tokensById = await tokens()
      return findToken(tokensById, text, now) ?? findGranted('access', text, tokensById, oauthKey, now)
    },
  }
}

/** The token of a request: in OSF-TOKEN as it is, or behind `Bearer` in base64 (contract.md 4). */
function proofIn({ 'osf-token': token, authorization = '' }: IncomingHttpHeaders): string | null {
  if (typeof token === 'string') return token
  const [, encoded] = /^bearer +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  return encoded === undefined ? null : Buffer.from(encoded, 'base64').toString('utf8')
}

/** Why the owner of a token may not do what is request for; null: he may. */
export function denialReason(
  { factory, scopes }: StoredToken,
  request: { factory: string; method: string },
): string | null {
  if (factory !== null && factory !== request.factory) return 'this token is not for this factory'
  if (request.method !== 'GET' && !scopes.includes('ci-write')) return 'this token may read only; it needs ci-write'
  return null
}
