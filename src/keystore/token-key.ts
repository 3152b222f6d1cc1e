import type { PkiDirectory } from '../directory/pki-directory.js'
import type { TokenKeyReference } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { readPemCertificate } from '../pki/read-certificate.js'
import type { Curve, HsmChoice, KeyChoice, KeyName } from '../ports.js'
import type { CryptokiMaker } from '../signer/pkcs11/cryptoki.js'
import { isLabelTaken, requireKey, type TokenKey } from '../signer/pkcs11/key.js'
import { keyName } from '../signer/pkcs11/key-name.js'
import { generateKey, removeHalfKey, requireNonExtractable } from '../signer/pkcs11/make-key.js'
import { type OpenToken, openToken, type TokenProgress } from '../signer/pkcs11/session.js'
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
export function holdToken(choice: HsmChoice, talk: TokenProgress, make?: CryptokiMaker): TokenHolder {
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

/** A key that fpki makes in a token. */
export interface NewTokenKey {
  readonly key: KeyName
  /** The file of the certificate that goes with it, which may be there or not. */
  readonly certificate: string
  readonly curve: Curve
}

/** A private key in an open token that fpki makes, or has made. It is refused when it could leave the token. */
export function newTokenKey(
  directory: PkiDirectory,
  holder: TokenHolder,
  { key, certificate, curve }: NewTokenKey,
): PrivateKey {
  const token = holder.token()
  return {
    reference: tokenKeyReference(holder, key),
    exists: async () => isLabelTaken(token, key),
    make: async () => {
      if (isLabelTaken(token, key)) throw keyExists(token, key)
      generateKey(token, key, curve)
    },
    takeUp: async () => {
      if (isLabelTaken(token, key)) removeHalfKey(token, key)
      return isLabelTaken(token, key)
    },
    open: async () => {
      const certified = await certifiedKey(directory, certificate)
      return tokenSigner(token, requireNonExtractable(token, requireKey(token, key, certified)), certified)
    },
  }
}

/** A key that is in a token already. */
export interface ExistingTokenKey {
  readonly key: KeyChoice
  /** The file of the certificate that goes with it, which may be there or not. */
  readonly certificate: string
  /** The public key of a certificate that is not in the directory yet. */
  readonly spki?: Uint8Array
}

/**
 * A private key that is in an open token, as another tool may have put it there: it is taken as it is. Throws
 * ERR_HSM_KEY when the token has none that fits, or several.
 */
export async function existingTokenKey(
  directory: PkiDirectory,
  holder: TokenHolder,
  { key, certificate, spki }: ExistingTokenKey,
): Promise<PrivateKey> {
  const token = holder.token()
  const certified = (await certifiedKey(directory, certificate)) ?? spki ?? null
  const found = requireKey(token, key, certified)
  const name = nameOf(found)
  return {
    reference: tokenKeyReference(holder, name),
    exists: async () => true,
    make: async () => {
      throw keyExists(token, name)
    },
    takeUp: async () => true,
    open: async () => tokenSigner(token, found, certified),
  }
}

/** The name of a key that was found. */
export function nameOf({ label, id }: TokenKey): KeyName {
  return { label, id: id.toString('hex') }
}

/** The error for a label that must not be used twice. */
export function keyExists({ name }: OpenToken, key: KeyName): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${name} has a key ${keyName(key)} already.`,
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
export function tokenKeyReference(holder: TokenHolder, key: KeyName): TokenKeyReference {
  const { choice } = holder
  const { label, serial } = holder.token().token
  return {
    kind: 'pkcs11',
    module: choice.module,
    ...(choice.initArgs === '' ? {} : { initArgs: choice.initArgs }),
    tokenLabel: label,
    tokenSerial: serial,
    keyLabel: key.label,
    keyId: key.id,
  }
}

async function certifiedKey(directory: PkiDirectory, file: string): Promise<Uint8Array | null> {
  const pem = await directory.read(file)
  return pem === null ? null : readPemCertificate(pem, `${directory.path}/${file}`).spki
}
