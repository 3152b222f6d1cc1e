import { hash as digestOf } from 'node:crypto'
import { FpkiError } from '../../errors.js'
import { integer, sequence } from '../../pki/der-write.js'
import { HASH_OF_CURVE, sameSpki } from '../../pki/public-key.js'
import type { Signer } from '../../ports.js'
import { CKM, type Handle } from './cryptoki.js'
import { explainRejections } from './errors.js'
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
  const { cryptoki, session } = token
  return signerIn(token, key, certified, {
    session,
    sign: async (input, output) => cryptoki.C_Sign(session, input, output),
  })
}

/**
 * Signers of a key in a token, each in a session of its own, so that several signatures are in flight. Each must sign one
 * thing at a time. Where the token has no more sessions, there are fewer signers. Arguments and errors as for
 * {@link tokenSigner}; the token must have been opened for threads.
 */
export function tokenSigners(
  token: OpenToken,
  key: TokenKey,
  certified: Uint8Array | null,
  count: number,
): readonly Signer[] {
  const { cryptoki } = token
  const sessions = [token.session, ...moreSessions(token, count - 1)]
  return sessions.map((session) =>
    signerIn(token, key, certified, {
      session,
      sign: async (input, output) => cryptoki.C_SignAsync(session, input, output),
    }),
  )
}

function moreSessions(token: OpenToken, count: number): readonly Handle[] {
  const sessions: Handle[] = []
  try {
    while (sessions.length < count) sessions.push(token.openSession())
  } catch (error) {
    // The first session is enough; CKR_SESSION_COUNT is the usual reason.
    if (!(error instanceof FpkiError)) throw error
  }
  return sessions
}

/** A session, and how to sign in it. */
interface SigningSession {
  readonly session: Handle
  sign(input: Buffer, output: Buffer): Promise<Buffer>
}

function signerIn(
  token: OpenToken,
  key: TokenKey,
  certified: Uint8Array | null,
  { session, sign }: SigningSession,
): Signer {
  const { curve } = key
  const hash = HASH_OF_CURVE[curve]
  const mechanism = requireMechanisms(token, { curve, isNew: false })
  const size = COORDINATE_SIZE[curve]
  // One octet more than needed, to detect signatures that are too long.
  const output = Buffer.alloc(2 * size + 1)
  return {
    spki: spkiOf(token, key, certified),
    algorithm: { curve, hash },
    sign: async (data) => {
      const input = mechanism === CKM.ecdsa ? digestOf(hash, data, 'buffer') : Buffer.from(data)
      const raw = await explainRejections(token, async () => {
        token.cryptoki.C_SignInit(session, { mechanism }, key.handle)
        if (key.alwaysAuthenticate) token.authenticate(session)
        return sign(input, output)
      })
      if (raw.length !== 2 * size) throw wrongSignatureLength(token.name, raw.length)
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
