import type { IncomingHttpHeaders } from 'node:http'
import { findToken, type StoredToken, tokenReader } from '../../factory/embedded/tokens.js'
import type { DurableFiles } from '../../ports.js'
import { coalesced } from '../caching.js'
import { findGranted } from './oauth.js'

/** Authenticates requests. */
export interface Authenticator {
  /** The current tokens by id. */
  tokens(): Promise<ReadonlyMap<string, StoredToken>>
  /** The token of a request; null without a valid one. */
  owner(headers: IncomingHttpHeaders, now: Date): Promise<StoredToken | null>
}

/** Authenticates with the tokens of a state directory, which are read for each request, so that revocation is immediate. */
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

/** The token of a request: plain in OSF-TOKEN, or in base64 after `Bearer` (docs/profile.md#credentials). */
function proofIn({ 'osf-token': token, authorization = '' }: IncomingHttpHeaders): string | null {
  if (typeof token === 'string') return token
  const [, encoded] = /^bearer +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  return encoded === undefined ? null : Buffer.from(encoded, 'base64').toString('utf8')
}

/** Why a token does not permit a request; null when it does. */
export function denialReason(
  { factory, scopes }: StoredToken,
  request: { factory: string; method: string },
): string | null {
  if (factory !== null && factory !== request.factory) return 'this token is not valid for this factory'
  if (request.method !== 'GET' && !scopes.includes('ci-write'))
    return 'this token is read-only; the scope ci-write is required'
  return null
}
