/**
 * The ports of fpki. Modules get clock, randomness, files and network as parameters, so that tests can replace them.
 */

/** The current time. Certificates use whole seconds. */
export type Clock = () => Date

/** The elliptic curves of docs/profile.md#keys, under the names of FIPS 186-5. */
export type Curve = 'P-256' | 'P-384' | 'P-521'

/** The hash for a curve (RFC 5480, section 4): its digest is as long as the key. */
export type Hash = 'sha256' | 'sha384' | 'sha512'

/** A private key and its public key. */
export interface NewPrivateKey {
  /** PEM `EC PRIVATE KEY` (SEC 1), the form of docs/profile.md#key-files. Secret. */
  readonly pem: string
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
}

/** The source of random values. */
export interface Random {
  /** Returns `size` random octets of cryptographic quality. */
  bytes(size: number): Uint8Array
  /** Generates an EC private key. */
  ecPrivateKey(curve: Curve): NewPrivateKey
}

/** The ports for encryption with a passphrase. */
export interface EncryptionPorts {
  readonly random: Random
  /**
   * Iterations of PBKDF2 (and of the MAC of PKCS#12), which set the cost of guessing the passphrase: `PASSPHRASE_ROUNDS`,
   * or fewer in tests, to save time.
   */
  readonly passphraseRounds: number
}

declare const checked: unique symbol

/**
 * Octets that a private key may sign. Only the code that checks them creates this type: pki/check.ts and its neighbours
 * for certificates, CRLs and CSRs, pki/ocsp/check-response.ts for OCSP, pki/statement.ts for everything else.
 */
export type CheckedOctets = Uint8Array & { readonly [checked]: true }

/** A private key, in a file or in an HSM. */
export interface Signer {
  /** SubjectPublicKeyInfo, DER (RFC 5280, 4.1.2.7). */
  readonly spki: Uint8Array
  readonly algorithm: { readonly curve: Curve; readonly hash: Hash }
  /** Hashes `data` with the hash of the key and signs it. Resolves to the DER `ECDSA-Sig-Value` (RFC 5480, appendix A). */
  sign(data: CheckedOctets): Promise<Uint8Array>
  /** Releases the key. The signer is unusable afterwards. */
  close(): Promise<void>
}

/** Selects a token of a PKCS#11 module; null matches any value. */
export interface TokenChoice {
  readonly label: string | null
  readonly serial: string | null
  readonly model: string | null
  readonly manufacturer: string | null
  /** Decimal. */
  readonly slotId: string | null
}

/** Selects a key in a token; null matches any value, an empty string a missing attribute (RFC 7512, section 2.6). */
export interface KeyChoice {
  /** CKA_LABEL. */
  readonly label: string | null
  /** CKA_ID in lower-case hex. */
  readonly id: string | null
}

/** The name of a key in a token: CKA_LABEL, and CKA_ID in lower-case hex. Empty if missing. */
export interface KeyName {
  readonly label: string
  readonly id: string
}

/** A PKCS#11 module. */
export interface ModuleChoice {
  /** Path of the PKCS#11 library. */
  readonly module: string
  /** Initialisation arguments for the module; empty if it needs none. */
  readonly initArgs: string
}

/** A token of a module, and a key in it, as their owner selects them. */
export interface HsmChoice extends ModuleChoice {
  readonly token: TokenChoice
  readonly key: KeyChoice
}

/** How the owner of a token logs in (docs/profile.md#secrets). */
export interface TokenLogin {
  /** The user enters the PIN on the keypad of the reader. */
  readonly keypad: boolean
  /** Use the last try of the PIN, after which a token locks itself. */
  readonly allowFinalPinTry: boolean
  /** Returns the PIN of the token with this description. Called once per command. Secret. */
  pin(token: string): Promise<string>
}

/** The source of the passphrase of encrypted key files (docs/profile.md#secrets): one per command. */
export interface Passphrases {
  /** Returns the passphrase of the existing key `what`. Called only if the key is encrypted. Secret. */
  forExisting(what: string): Promise<string>
  /** Returns the passphrase for new keys. A user types it twice. Secret. */
  forNew(): Promise<string>
  /** Aborts a long key derivation, with its reason. */
  readonly signal?: AbortSignal
}

/** How the owner of keys unlocks them. */
export interface KeySecrets {
  /** For encrypted key files; absent: there is no passphrase. */
  readonly passphrases?: Passphrases | undefined
  /** For keys in a token; absent: there is no PIN. */
  readonly login?: TokenLogin | undefined
}

/** Messages to the user while an operation runs. */
export interface Progress {
  /** Reports that a step begins. */
  step(text: string): void
  /** Reports information that needs no action. */
  note(text: string): void
  /** Reports a problem that does not stop the operation. */
  warn(text: string): void
}

/** The user who runs fpki, as recorded in the audit log. */
export interface Who {
  /** null if the system has no name for the user ID. */
  readonly name: string | null
  readonly uid: number
}

export type * from './storage/batch-ports.js'
export type * from './storage/ports.js'
