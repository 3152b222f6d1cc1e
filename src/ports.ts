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
  readonly publicKey: Uint8Array
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

/** An HSM, the root key in it, and how its owner proves to be it (docs/profile.md#secrets). */
export interface HsmChoice {
  /** The shared library of the token's maker. */
  readonly module: string
  /** What some modules want to be told when they start; empty for the others. */
  readonly initArgs: string
  readonly token: TokenChoice
  readonly key: KeyChoice
  /** The PIN is typed on the token itself. */
  readonly keypad: boolean
  readonly allowFinalPinTry: boolean
  /** The PIN of the token that is described, from where its owner said. Asked for once a command. */
  pin(token: string): Promise<string>
}

/** Where the passphrase of encrypted key files comes from (docs/profile.md#secrets). There is one a command. */
export interface Passphrases {
  /** That of the key which `what` names, which is there already; asked for when it turns out to be encrypted. Secret. */
  known(what: string): Promise<string>
  /** The one for keys that are made now; a person is asked for it twice. Secret. */
  chosen(): Promise<string>
  /** Ends a long derivation from a passphrase, with its reason; absent: nothing does. */
  readonly signal?: AbortSignal
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
