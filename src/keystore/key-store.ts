import type { KeyRef, TokenKeyRef } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import { fingerprintOf } from '../pki/fingerprint.js'
import type { Curve, Signer } from '../ports.js'
import { keyRefName } from './labels.js'

/**
 * The private keys of a PKI, by their {@link KeyRef}s. A store asks for a passphrase or a PIN when a key needs it, and lasts
 * for one command. Files and tokens each have one; {@link keyStore} puts both together.
 */
export interface KeyStore<Ref extends KeyRef = KeyRef> {
  /**
   * The signer of a key, which the store keeps: callers share it and do not close it.
   *
   * @param certified the public key of the certificate that goes with the key (SubjectPublicKeyInfo, DER); null: unknown.
   *   It selects one of several keys in a token, and replaces a public key that the token hides
   * @throws FpkiError ERR_BAD_KEY, ERR_PASSPHRASE or ERR_HSM_KEY when the key is missing or unusable
   */
  open(ref: Ref, certified?: Uint8Array | null): Promise<Signer>
  /** Whether there is a key, or anything that could be mistaken for it. */
  exists(ref: Ref): Promise<boolean>
  /** Generates or imports a key. Throws ERR_EXISTS when there already is one. */
  make(ref: Ref, key: NewKey): Promise<void>
  /**
   * Inspects the result of an interrupted `make`: true when the key is complete; false when there is none, or only a
   * useless part, which is removed.
   */
  recover(ref: Ref): Promise<boolean>
  /** Ends the session with a token. */
  close(): Promise<void>
}

/** The key that {@link KeyStore.make} generates or imports. */
export interface NewKey {
  /** P-256 when absent (docs/profile.md#key-files). */
  readonly curve?: Curve
  /** Encrypt its file with a new passphrase. Not for keys in a token. */
  readonly encrypt?: boolean
  /** An existing key to store instead of a new one, as PEM. Secret. */
  readonly pem?: string | undefined
}

/** One store for both kinds of keys; without `tokens`, a reference to a token is a defect of the caller. */
export function keyStore(
  files: KeyStore<Extract<KeyRef, { readonly kind: 'file' }>>,
  tokens: KeyStore<TokenKeyRef> | null,
): KeyStore {
  const openTokens = () => {
    if (tokens === null) throw new Error('the token is not open')
    return tokens
  }
  return {
    open: async (ref, certified) => (ref.kind === 'file' ? files.open(ref) : openTokens().open(ref, certified)),
    exists: async (ref) => (ref.kind === 'file' ? files.exists(ref) : openTokens().exists(ref)),
    make: async (ref, key) => (ref.kind === 'file' ? files.make(ref, key) : openTokens().make(ref, key)),
    recover: async (ref) => (ref.kind === 'file' ? files.recover(ref) : openTokens().recover(ref)),
    close: async () => tokens?.close(),
  }
}

/**
 * Makes a key as a step of a command. One that an interrupted run left is complete, because files and objects appear at
 * once, and is kept. Resolves to the fingerprint of its public key.
 */
export async function makeKey<Ref extends KeyRef>(
  store: KeyStore<Ref>,
  ref: Ref,
  key: NewKey,
  interrupted: boolean,
): Promise<string> {
  if (!interrupted || !(await store.recover(ref))) await store.make(ref, key)
  return fingerprintOf((await store.open(ref)).spki)
}

/** The public key of an earlier step. Throws ERR_BAD_KEY when the token or file has been replaced since. */
export async function requireMadeKey<Ref extends KeyRef>(
  store: KeyStore<Ref>,
  ref: Ref,
  fingerprint: string,
): Promise<Uint8Array> {
  const { spki } = await store.open(ref)
  if (fingerprintOf(spki) === fingerprint) return spki
  const hint = 'Nothing was signed with it. Restore the original key, then run the same command again.'
  throw new FpkiError('ERR_BAD_KEY', `${keyRefName(ref)} is not the key that this command created.`, hint)
}
