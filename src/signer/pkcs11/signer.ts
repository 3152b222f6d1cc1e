import { hash as digestOf } from 'node:crypto'
import { FpkiError } from '../../errors.js'
import { integer, sequence } from '../../pki/der-write.js'
import { HASH_OF_CURVE, sameSpki } from '../../pki/public-key.js'
import type { Signer } from '../../ports.js'
import { CKM } from './cryptoki.js'
import { explained } from './errors.js'
import type { TokenKey } from './key.js'
import { keyError } from './key-errors.js'
import { keyName } from './key-name.js'
import { requireMechanisms } from './mechanisms.js'
import { COORDINATE_SIZE } from './public-point.js'
import type { OpenToken } from './session.js'

/**
 * The signer of a key in a token. Closing it leaves the token open: its session belongs to whoever opened it.
 *
 * @param certified the public key of the certificate that goes with the key, where there is one (SubjectPublicKeyInfo,
 *   DER): it takes the place of a point that the token hides, and must be the token's where it shows it
 * @throws FpkiError ERR_HSM_KEY when the two differ, neither is known, or the token cannot sign with it
 */
export function tokenSigner(token: OpenToken, key: TokenKey, certified: Uint8Array | null): Signer {
  const { curve } = key
  const hash = HASH_OF_CURVE[curve]
  const mechanism = requireMechanisms(token, { curve, isNew: false })
  const size = COORDINATE_SIZE[curve]
  // One more octet than fits, so that a signature which is too long is noticed.
  const output = Buffer.alloc(2 * size + 1)
  const { cryptoki, session, name } = token
  return {
    spki: spkiOf(token, key, certified),
    algorithm: { curve, hash },
    sign: async (data) => {
      const input = mechanism === CKM.ecdsa ? digestOf(hash, data, 'buffer') : Buffer.from(data)
      const raw = explained(token, () => {
        cryptoki.C_SignInit(session, { mechanism }, key.handle)
        if (key.alwaysAuthenticate) token.authenticate()
        return cryptoki.C_Sign(session, input, output)
      })
      if (raw.length !== 2 * size) throw oddSignature(name, raw.length)
      return signatureDer(raw)
    },
    close: async () => undefined,
  }
}

/** r and s, side by side (PKCS#11, EC mechanisms), as an ECDSA-Sig-Value (RFC 5480, appendix A). */
export function signatureDer(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)))
}

function spkiOf({ name }: OpenToken, { label, id, spki }: TokenKey, certified: Uint8Array | null): Uint8Array {
  const key = keyName({ label, id: id.toString('hex') })
  if (spki !== null && certified !== null && !sameSpki(spki, certified)) {
    throw keyError(
      `${name} has another key ${key} than the one of the certificate.`,
      'Name the token that this PKI was made with.',
    )
  }
  const known = spki ?? certified
  if (known !== null) return known
  throw keyError(
    `${name} does not show the public key of the key ${key}.`,
    'Put factory_ca.pem into the PKI directory, or the public key into the token.',
  )
}

function oddSignature(name: string, size: number): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `${name} gave a signature of ${size} octets, which is none of its key.`,
    'Nothing was written or sent. Update the software of the token, or take another one.',
  )
}
