import { hash, timingSafeEqual } from 'node:crypto'
import type { Random } from './ports.js'

/** A new access token: of the served Factory API, or of a line. */
export interface NewAccessToken {
  /** 16 hex digits, a part of the token, so that it is found. Not secret. */
  readonly id: string
  /** The token. Secret; only its hash is kept. */
  readonly text: string
  /** SHA-256. The token contains 256 random bits, so a slow hash would add nothing. */
  readonly hash: Uint8Array
}

/** Makes a token. */
export function newAccessToken(random: Pick<Random, 'bytes'>): NewAccessToken {
  const id = Buffer.from(random.bytes(8)).toString('hex')
  const text = `fpki_${id}_${Buffer.from(random.bytes(32)).toString('base64url')}`
  return { id, text, hash: hashOf(text) }
}

/** The ID in a text that has the form of a token; null when it has not. */
export function accessTokenId(text: string): string | null {
  return /^fpki_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/.exec(text)?.[1] ?? null
}

/** Whether a text is the token with this hash. Takes as long for a wrong one. */
export function isAccessToken(text: string, hash: Uint8Array): boolean {
  return timingSafeEqual(hashOf(text), hash)
}

/** The ID of a token, for a message; null for anything else, which may be the token itself. */
export function shownTokenId(text: string): string | null {
  return /^[0-9a-f]{16}$/.test(text) ? text : null
}

function hashOf(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
