/**
 * What the rooms of fpki are given from outside, so that none of them holds state, reads a clock, makes random
 * numbers or touches a disk by itself. Each port has its real form in one room and a double in the tests.
 */
import type { KeyObject } from 'node:crypto'

/** The time, in whole milliseconds; certificates use whole seconds of it. */
export type Clock = () => Date

/** The elliptic curves of docs/profile.md#keys, under the names of FIPS 186-5. */
export type Curve = 'P-256' | 'P-384' | 'P-521'

/** The hash that goes with a curve (RFC 5480, section 4): a digest as long as the key. */
export type Hash = 'sha256' | 'sha384' | 'sha512'

/** Where random values come from. */
export interface Random {
  /** `size` random octets, fit for keys. */
  bytes(size: number): Uint8Array
  /** A new EC key pair. */
  ecKeyPair(curve: Curve): { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
}

/** What encrypting something with a passphrase takes. */
export interface EncryptionPorts {
  readonly random: Random
  /**
   * Rounds of PBKDF2 (and of the MAC of PKCS#12): what each guess at the passphrase costs. `PASSPHRASE_ROUNDS` on a real
   * machine; tests take fewer, to save time.
   */
  readonly passphraseRounds: number
}

declare const checked: unique symbol

/**
 * Octets that a private key may sign. Only what checks them makes them: pki/check.ts and its neighbours for certificates,
 * CRLs and requests, pki/statement.ts for everything else.
 */
export type CheckedOctets = Uint8Array & { readonly [checked]: true }

/** Who holds a private key. Code that makes a certificate cannot tell a disk from an HSM. */
export interface Signer {
  /** SubjectPublicKeyInfo, DER (RFC 5280, 4.1.2.7). */
  readonly spki: Uint8Array
  readonly algorithm: { readonly curve: Curve; readonly hash: Hash }
  /** Hashes `data` with the key's hash and signs it; resolves to the DER `ECDSA-Sig-Value` (RFC 5480, appendix A). */
  sign(data: CheckedOctets): Promise<Uint8Array>
  /** Lets go of the key. A signer is not used after it. */
  close(): Promise<void>
}

/** Which of the tokens that a PKCS#11 module shows is meant; null: any. */
export interface TokenChoice {
  readonly label: string | null
  readonly serial: string | null
  readonly model: string | null
  readonly manufacturer: string | null
  /** Decimal. */
  readonly slotId: string | null
}

/** Which key in a token is meant; null matches anything, an empty text a key without that attribute (RFC 7512, 2.6). */
export interface KeyChoice {
  /** CKA_LABEL. */
  readonly label: string | null
  /** CKA_ID in lower-case hex. */
  readonly id: string | null
}

/** The name of a key in a token: CKA_LABEL, and CKA_ID in lower-case hex. Empty: it has none. */
export interface KeyName {
  readonly label: string
  readonly id: string
}

/** A PKCS#11 module. */
export interface ModuleChoice {
  /** Path of the shared library that the token's maker provides. */
  readonly module: string
  /** Initialisation arguments, which NSS needs; empty for other modules. */
  readonly initArgs: string
}

/** A token of a module, and a key in it, as their owner selects them. */
export interface HsmChoice extends ModuleChoice {
  readonly token: TokenChoice
  readonly key: KeyChoice
}

/** How the owner of a token logs in (docs/profile.md#secrets). */
export interface TokenLogin {
  /** The PIN is typed on the token itself. */
  readonly keypad: boolean
  /** Use the last try of the PIN, after which a token locks itself. */
  readonly allowFinalPinTry: boolean
  /** The PIN of the token that `token` describes; called at most once a command. Secret. */
  pin(token: string): Promise<string>
}

/** Where the passphrase of encrypted key files comes from (docs/profile.md#secrets). A command uses one only. */
export interface Passphrases {
  /** The passphrase of an existing key or backup, which `what` names; called when it turns out to be encrypted. Secret. */
  forExisting(what: string): Promise<string>
  /** The passphrase for new keys or a new backup; a person types it twice. Secret. */
  forNew(): Promise<string>
  /** Cancels a long derivation from a passphrase, with its reason. */
  readonly signal?: AbortSignal
}

/** How the owner of keys unlocks them. */
export interface KeySecrets {
  /** For encrypted key files; absent: there is no passphrase. */
  readonly passphrases?: Passphrases | undefined
  /** For keys in a token; absent: there is no PIN. */
  readonly login?: TokenLogin | undefined
}

/** What a person is told while an operation runs. */
export interface Progress {
  /** A step begins. */
  step(text: string): void
  /** Something worth knowing; nothing is wrong. */
  note(text: string): void
  /** Something is odd, and the operation goes on all the same. */
  warn(text: string): void
}

/** Who runs fpki, as the audit log records it. */
export interface Who {
  /** null: the system has no name for the user. */
  readonly name: string | null
  readonly uid: number
}

export type * from './storage/ports.js'
