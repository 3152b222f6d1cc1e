import { HASH_OF_CURVE } from '../../pki/public-key.js'
import type { Curve } from '../../ports.js'
import { CKM } from './cryptoki.js'
import { keyError } from './key-errors.js'
import type { OpenToken } from './session.js'

/** The mechanism that hashes in the token, for tokens that take no digest. */
const HASHING: Readonly<Record<Curve, number>> = {
  'P-256': CKM.ecdsaSha256,
  'P-384': CKM.ecdsaSha384,
  'P-521': CKM.ecdsaSha512,
}

/** What a token has to do with a key: make it and sign with it, or sign only. */
export interface KeyUse {
  readonly curve: Curve
  readonly isNew: boolean
}

/** The mechanism with which a token signs for a key on a curve; null: it has none. */
function signingMechanism({ mechanisms }: Pick<OpenToken, 'mechanisms'>, curve: Curve): number | null {
  return [CKM.ecdsa, HASHING[curve]].find((candidate) => mechanisms.has(candidate)) ?? null
}

/** The mechanisms that a use needs and the token does not offer, as in "CKM_…, which …". */
export function missingMechanisms(token: Pick<OpenToken, 'mechanisms'>, { curve, isNew }: KeyUse): readonly string[] {
  const hashing = `CKM_ECDSA_${HASH_OF_CURVE[curve].toUpperCase()}`
  return [
    ...(isNew && !token.mechanisms.has(CKM.ecKeyPairGen) ? ['CKM_EC_KEY_PAIR_GEN, which makes EC keys'] : []),
    ...(signingMechanism(token, curve) === null ? [`CKM_ECDSA or ${hashing}, which sign with a ${curve} key`] : []),
  ]
}

/**
 * The mechanism with which a token signs (CKM_…). Throws ERR_HSM_KEY, which names each mechanism that a use needs and the
 * token does not offer.
 */
export function requireMechanisms(token: OpenToken, use: KeyUse): number {
  const missing = missingMechanisms(token, use)
  const signing = signingMechanism(token, use.curve)
  if (signing !== null && missing.length === 0) return signing
  throw keyError(
    `${token.name} does not offer ${missing.join('; nor ')}.`,
    'Use another token, or another interface of this one: `fpki hsm list` shows the tokens of this machine.',
  )
}
