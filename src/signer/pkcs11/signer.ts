import { hash as digestOf } from 'node:crypto'
import { FpkiError } from '../../errors.js'
import { integer, sequence } from '../../pki/der-write.js'
import { HASH_OF_CURVE, sameSpki } from '../../pki/public-key.js'
import type { Signer } from '../../ports.js'
import { CKM } from './cryptoki.js'
import { explainErrors } from './errors.js'
import type { TokenKey } from './key.js'
import { keyError } from './key-errors.js'
import { keyName } from './key-name.js'
import { requireMechanisms } from './mechanisms.js'
import { COORDINATE_SIZE } from './public-point.js'
import type { OpenToken } from './session.js'

/**
 * The signer of a key in a token. Closing it leaves the token open.
 *
 * @param certified the public key of the key's certificate, if any (SubjectPublicKeyInfo, DER). It replaces a public key that
 *   the token does not reveal, and must equal one that it does
 * @throws FpkiError ERR_HSM_KEY when the two differ, neither is available, or the token cannot sign with the key
 */
export function tokenSigner(token: OpenToken, key: TokenKey, certified: Uint8Array | null): Signer {
  const { curve } = key
  const hash = HASH_OF_CURVE[curve]
  const mechanism = requireMechanisms(token, { curve, isNew: false })
  const size = COORDINATE_SIZE[curve]
  // One octet more than needed, to detect signatures that are too long.
  const output = Buffer.alloc(2 * size + 1)
  const { cryptoki, session, name } = token
  return {
    spki: spkiOf(token, key, certified),
    algorithm: { curve, hash },
    sign: async (data) => {
      const input = mechanism === CKM.ecdsa ? digestOf(hash, data, 'buffer') : Buffer.from(data)
      const raw = explainErrors(token, () => {
        cryptoki.C_SignInit(session, { mechanism }, key.handle)
        if (key.alwaysAuthenticate) token.authenticate()
        return cryptoki.C_Sign(session, input, output)
      })
      if (raw.length !== 2 * size) throw wrongSignatureLength(name, raw.length)
      return signatureDer(raw)
    },
    close: async () => undefined,
  }
}

/** Converts r and s, concatenated (PKCS#11, EC mechanisms), to an ECDSA-Sig-Value (RFC 5480, appendix A). */
export function signatureDer(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)))
}

function spkiOf({ name }: OpenToken, { label, id, spki }: TokenKey, certified: Uint8Array | null): Uint8Array {
  const key = keyName({ label, id: id.toString('hex') })
  if (spki !== null && certified !== null && !sameSpki(spki, certified)) {
    throw keyError(
      `The key ${key} in ${name.replace(/^The/, 'the')} is not the key of the certificate.`,
      'Use the token that this PKI was created with.',
    )
  }
  const publicKey = spki ?? certified
  if (publicKey !== null) return publicKey
  throw keyError(
    `${name} does not reveal the public key of the key ${key}.`,
    'Copy factory_ca.pem to the PKI directory, or import the public key into the token.',
  )
}

function wrongSignatureLength(name: string, size: number): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    `${name} returned a signature of the wrong length (${size} octets).`,
    'Nothing was written or sent. Update the software of the token, or use another token.',
  )
}
