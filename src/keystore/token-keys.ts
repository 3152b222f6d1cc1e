import type { PkiDirectory } from '../directory/pki-directory.js'
import type { TokenKeyRef } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { readPemCertificate } from '../pki/read-certificate.js'
import type { HsmChoice, KeyChoice, KeyName, Signer, TokenLogin } from '../ports.js'
import type { CryptokiMaker } from '../signer/pkcs11/cryptoki.js'
import { isLabelTaken, requireKey, type TokenKey } from '../signer/pkcs11/key.js'
import { keyName } from '../signer/pkcs11/key-name.js'
import { generateKey, removeHalfKey, requireNonExtractable } from '../signer/pkcs11/make-key.js'
import { type OpenToken, openToken, type TokenProgress } from '../signer/pkcs11/session.js'
import { tokenSigner, tokenSigners } from '../signer/pkcs11/signer.js'
import type { KeyStore } from './key-store.js'
import { proveSigner } from './prove.js'

/** The keys in one token, which is opened once, with one login, for the whole command. */
export interface TokenKeys extends KeyStore<TokenKeyRef> {
  readonly choice: HsmChoice
  readonly token: OpenToken
  /** The record of a key with that name in state.json: the actual label and serial of the token, not how it was selected. */
  refTo(name: KeyName): TokenKeyRef
  /** The one key in the token that is selected. Throws ERR_HSM_KEY when none or several are. */
  find(key: KeyChoice, certified: Uint8Array | null): TokenKeyRef
}

/** Ports for opening a token. */
export interface TokenKeysPorts extends TokenProgress {
  /** Absent: there is no PIN. */
  readonly login?: TokenLogin | undefined
  /** What loads PKCS#11 modules; pkcs11js when absent. */
  readonly makeCryptoki?: CryptokiMaker | undefined
}

const NO_LOGIN: TokenLogin = {
  keypad: false,
  allowFinalPinTry: false,
  pin: async (token) => {
    throw new FpkiError('ERR_HSM_PIN', `No PIN given for the token ${token}.`, 'Pass --hsm-pin-file FILE.')
  },
}

/** Opens a token. Throws ERR_HSM_MODULE, ERR_HSM_TOKEN or ERR_HSM_PIN. */
export async function openTokenKeys(choice: HsmChoice, ports: TokenKeysPorts): Promise<TokenKeys> {
  const token = await openToken(choice, ports.login ?? NO_LOGIN, ports, ports.makeCryptoki)
  const refTo = (name: KeyName) => tokenKeyRef(choice, token, name)
  return {
    choice,
    token,
    refTo,
    find: (key, certified) => refTo(nameOf(requireKey(token, key, certified))),
    open: async (ref, certified = null) => tokenSigner(token, requireKey(token, nameIn(ref), certified), certified),
    exists: async (ref) => isLabelTaken(token, nameIn(ref)),
    make: async (ref, { curve = 'P-256' }) => {
      const name = nameIn(ref)
      if (isLabelTaken(token, name)) throw keyExists(token, name)
      generateKey(token, name, curve)
    },
    recover: async (ref) => {
      const name = nameIn(ref)
      if (isLabelTaken(token, name)) removeHalfKey(token, name)
      if (!isLabelTaken(token, name)) return false
      // The interrupted run may not have reached this check.
      requireNonExtractable(token, requireKey(token, name))
      return true
    },
    close: async () => token.close(),
  }
}

/** A key in a token, in several sessions. */
export interface TokenSessions {
  /** One for each session; each signs one thing at a time. */
  readonly signers: readonly Signer[]
  close(): Promise<void>
}

/**
 * Opens a key of a token in `count` sessions, or as many as the token has, with one login.
 *
 * @param certified the public key of the key's certificate (SubjectPublicKeyInfo, DER)
 * @throws FpkiError ERR_HSM_MODULE, ERR_HSM_TOKEN, ERR_HSM_PIN, ERR_HSM_KEY; ERR_SIGNATURE when the key's signatures do not
 *   verify
 */
export async function openTokenSessions(
  choice: HsmChoice,
  certified: Uint8Array,
  count: number,
  ports: TokenKeysPorts,
): Promise<TokenSessions> {
  const token = await openToken(choice, ports.login ?? NO_LOGIN, ports, ports.makeCryptoki, true)
  try {
    const signers = tokenSigners(token, requireKey(token, choice.key, certified), certified, count)
    for (const signer of signers) await proveSigner(signer, token.name)
    return { signers, close: async () => token.close() }
  } catch (error) {
    token.close()
    throw error
  }
}

/** The name of a key in the token. */
export function nameOf({ label, id }: TokenKey): KeyName {
  return { label, id: id.toString('hex') }
}

/** The name in a recorded reference. */
function nameIn({ keyLabel, keyId }: TokenKeyRef): KeyName {
  return { label: keyLabel, id: keyId }
}

/** The error for a label that must not be used twice. */
export function keyExists({ name }: OpenToken, key: KeyName): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${name} already has a key ${keyName(key)}.`,
    'Nothing was changed. Use another token, or another key name with --hsm-uri.',
  )
}

/** The error for a command that was started with another token. */
export function otherToken({ name }: OpenToken, { tokenLabel, tokenSerial }: TokenKeyRef): FpkiError {
  return new FpkiError(
    'ERR_HSM_TOKEN',
    `The interrupted command used the token "${tokenLabel}", serial ${tokenSerial}, not ${name.replace(/^The/, 'the')}.`,
    'Nothing was changed. Plug that token in, then run the same command again.',
  )
}

function tokenKeyRef({ module, initArgs }: HsmChoice, { token }: OpenToken, key: KeyName): TokenKeyRef {
  return {
    kind: 'pkcs11',
    module,
    ...(initArgs === '' ? {} : { initArgs }),
    tokenLabel: token.label,
    tokenSerial: token.serial,
    keyLabel: key.label,
    keyId: key.id,
  }
}

/** The public key of a certificate in a PKI directory; null: there is no such file. Throws ERR_BAD_CERTIFICATE. */
export async function certifiedKey(directory: PkiDirectory, file: string): Promise<Uint8Array | null> {
  const pem = await directory.read(file)
  return pem === null ? null : readPemCertificate(pem, `${directory.path}/${file}`).spki
}
