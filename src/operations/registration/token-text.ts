import { hash } from 'node:crypto'

/** A registration token, ready to be compared. */
export interface ReadToken {
  /** Not secret. */
  readonly id: string
  /** SHA-256 of the whole text. */
  readonly hash: Uint8Array
}

/** Its id, so that it is found, and 256 random bits. */
const TOKEN = /^fpki_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/

/** Reads the text of a token (secret) as `fpki lines token` shows it; null: it is not one. */
export function readToken(text: string): ReadToken | null {
  const [, id] = TOKEN.exec(text) ?? []
  return id === undefined ? null : { id, hash: new Uint8Array(hash('sha256', text, 'buffer')) }
}
