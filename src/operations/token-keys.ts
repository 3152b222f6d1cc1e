import type { PkiDirectory } from '../directory/pki-directory.js'
import type { TokenKeyReference } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { readPemCertificate } from '../pki/read-certificate.js'
import type { Curve, HsmChoice, KeyChoice } from '../ports.js'
import type { CryptokiMaker } from '../signer/pkcs11/cryptoki.js'
import { isLabelTaken, requireKey } from '../signer/pkcs11/key.js'
import { checkStays, clearHalfKey, generateKey } from '../signer/pkcs11/make-key.js'
import { type OpenToken, openToken, type TokenTalk } from '../signer/pkcs11/session.js'
import { tokenSigner } from '../signer/pkcs11/signer.js'
import type { PrivateKey } from './private-key.js'

/** A token that is opened once and shared by the keys in it. */
export interface TokenHolder {
  readonly choice: HsmChoice
  /** Opens it at the first call; throws ERR_HSM_MODULE, ERR_HSM_TOKEN or ERR_HSM_PIN. */
  open(): Promise<OpenToken>
  /** The token; a defect when it was not opened. */
  token(): OpenToken
  close(): Promise<void>
}

/** Nothing is loaded before `open`; `make` is pkcs11js unless a test says otherwise. */
export function holdToken(choice: HsmChoice, talk: TokenTalk, make?: CryptokiMaker): TokenHolder {
  let token: OpenToken | null = null
  return {
    choice,
    open: async () => {
      token ??= await openToken(choice, talk, make)
      return token
    },
    token: () => {
      if (token === null) throw new Error('the token is not open')
      return token
    },
    close: async () => token?.close(),
  }
}

/** What is to be known of a key in a token. */
export interface TokenKeyOrder {
  readonly key: KeyChoice
  /** The certificate that goes with it, which may be there or not. */
  readonly certificate: string
  /** The public key of a certificate that is not in the directory yet: it stands in for one that the token hides. */
  readonly spki?: Uint8Array
  /** Of a key that is made. */
  readonly curve: Curve
  /** Refuse the key when it could leave the token. */
  readonly mustStay: boolean
}

/** A private key in an open token. */
export function tokenKey(directory: PkiDirectory, holder: TokenHolder, order: TokenKeyOrder): PrivateKey {
  const { key, certificate, spki = null, curve, mustStay } = order
  const token = holder.token()
  return {
    reference: tokenKeyReference(holder, key),
    exists: async () => isLabelTaken(token, key),
    make: async () => {
      if (isLabelTaken(token, key)) throw keyExists(token, key)
      generateKey(token, key, curve)
    },
    takeUp: async () => {
      if (isLabelTaken(token, key)) clearHalfKey(token, key)
      return isLabelTaken(token, key)
    },
    open: async () => {
      const found = requireKey(token, key)
      const certified = (await certifiedKey(directory, certificate)) ?? spki
      return tokenSigner(token, mustStay ? checkStays(token, found) : found, certified)
    },
  }
}

/** The error for a label that must not be used twice. */
export function keyExists({ name }: OpenToken, { label }: KeyChoice): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${name} has a key "${label}" already.`,
    'Nothing was changed. Take another token, or name another key with --hsm-uri.',
  )
}

/** The error for a command that was begun with another token. */
export function otherToken({ name }: OpenToken, { tokenLabel, tokenSerial }: TokenKeyReference): FpkiError {
  return new FpkiError(
    'ERR_HSM_TOKEN',
    `This was begun with the token "${tokenLabel}", serial ${tokenSerial}; now there is another. ${name}.`,
    'Nothing was changed. Put the first one in, and run the same command again.',
  )
}

/** What state.json remembers: the token as it is, not as it was asked for. */
export function tokenKeyReference(holder: TokenHolder, key: KeyChoice): TokenKeyReference {
  const { choice } = holder
  const { label, serial } = holder.token().token
  return {
    kind: 'pkcs11',
    module: choice.module,
    ...(choice.initArgs === '' ? {} : { initArgs: choice.initArgs }),
    tokenLabel: label,
    tokenSerial: serial,
    keyLabel: key.label,
    keyId: key.id ?? '01',
  }
}

async function certifiedKey(directory: PkiDirectory, file: string): Promise<Uint8Array | null> {
  const pem = await directory.read(file)
  return pem === null ? null : readPemCertificate(pem, `${directory.path}/${file}`).spki
}
