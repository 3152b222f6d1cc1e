import { putNewest } from '../../recent.js'
import type { OcspAnswer } from './model.js'

/** An answer that was signed in advance, about one certificate and without a nonce. */
export interface KeptAnswer extends OcspAnswer {
  /** What it was made from: another status needs another answer. */
  readonly statusText: string
  readonly madeAt: number
  /** When it is to be replaced: clients get answers that are valid for a while. */
  readonly refreshAt: number
  /** When it expires, also where caches must not keep it (`cache` is null). */
  readonly endsAt: number
}

/** Signed answers by the CertID of their requests. The oldest ones are forgotten first. */
export interface KeptAnswers {
  get(certId: Uint8Array): KeptAnswer | null
  put(certId: Uint8Array, answer: KeptAnswer): void
}

/** Each takes about one kilobyte. */
const MOST_ANSWERS = 50_000

/**
 * Keeps nothing at first.
 *
 * @param most how many answers are kept
 */
export function keptAnswers(most: number = MOST_ANSWERS): KeptAnswers {
  const answers = new Map<string, KeptAnswer>()
  const keyOf = ({ buffer, byteOffset, length }: Uint8Array) =>
    Buffer.from(buffer, byteOffset, length).toString('latin1')
  return {
    get: (certId) => answers.get(keyOf(certId)) ?? null,
    put: (certId, answer) => putNewest(answers, keyOf(certId), answer, most),
  }
}
