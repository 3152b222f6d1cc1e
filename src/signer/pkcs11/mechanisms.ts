import { HASH_OF_CURVE } from '../../pki/public-key.js'
import type { Curve } from '../../ports.js'
import { CKM } from './cryptoki.js'
import { keyError } from './key-errors.js'
import type { OpenToken } from './session.js'

/** Mechanisms that hash in the token, for tokens without CKM_ECDSA. */
const HASHING: Readonly<Record<Curve, number>> = {
  'P-256': CKM.ecdsaSha256,
  'P-384': CKM.ecdsaSha384,
  'P-521': CKM.ecdsaSha512,
}

/** How a token uses a key: generate and sign (`isNew`), or only sign. */
interface KeyUse {
  readonly curve: Curve
  readonly isNew: boolean
}

/** The signing mechanism for a key on a curve; null when the token has none. */
function signingMechanism({ mechanisms }: Pick<OpenToken, 'mechanisms'>, curve: Curve): number | null {
  return [CKM.ecdsa, HASHING[curve]].find((candidate) => mechanisms.has(candidate)) ?? null
}

/** The mechanisms that a use needs and the token lacks, as in "CKM_… (to …)". */
export function missingMechanisms(token: Pick<OpenToken, 'mechanisms'>, { curve, isNew }: KeyUse): readonly string[] {
  const hashing = `CKM_ECDSA_${HASH_OF_CURVE[curve].toUpperCase()}`
  return [
    ...(isNew && !token.mechanisms.has(CKM.ecKeyPairGen) ? ['CKM_EC_KEY_PAIR_GEN (to generate EC keys)'] : []),
    ...(signingMechanism(token, curve) === null ? [`CKM_ECDSA or ${hashing} (to sign with ${curve} keys)`] : []),
  ]
}

/**
 * The signing mechanism (CKM_…). Throws ERR_HSM_KEY with the mechanisms that a use needs and the token lacks.
 */
export function requireMechanisms(token: OpenToken, use: KeyUse): number {
  const missing = missingMechanisms(token, use)
  const signing = signingMechanism(token, use.curve)
  if (signing !== null && missing.length === 0) return signing
  throw keyError(
    `${token.name} does not support ${missing.join(' or ')}.`,
    'Use another token; `fpki hsm list` lists the tokens of this machine.',
  )
}
