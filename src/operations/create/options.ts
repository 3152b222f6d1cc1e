import { FpkiError } from '../../errors.js'
import { toServerName } from '../../pki/server-name.js'
import type { Curve, HsmChoice, ModuleChoice } from '../../ports.js'

/** A new root with its key in factory_ca.key. */
export interface NewRootInFile {
  readonly kind: 'new-file'
  /** Encrypt the key file with a new passphrase. */
  readonly encrypt?: boolean
}

/** A new root with its key generated in a token. */
export interface NewRootInToken {
  readonly kind: 'new-token'
  readonly hsm: HsmChoice
  /** P-256 when absent; fpki makes no key on P-521 (docs/profile.md#keys). */
  readonly curve?: Exclude<Curve, 'P-521'>
}

/** An existing root. */
export interface ExistingRootOption<Key> {
  readonly kind: 'existing'
  /** Absolute path of its certificate, PEM. */
  readonly certificateFile: string
  readonly key: Key
}

/** Its key is in another file, and is copied into the PKI directory. */
export interface KeyInFile {
  readonly kind: 'file'
  /** Absolute. */
  readonly path: string
  /** Encrypt the copy, unless the file is encrypted already. */
  readonly encrypt?: boolean
}

/** Its key is in a token. */
export interface KeyInToken {
  readonly kind: 'token'
  readonly hsm: HsmChoice
}

/** Its key is where `ca root-csr` created it: in the PKI directory, or in the token that the directory records. */
export interface KeyInDirectory {
  readonly kind: 'in-directory'
  /** Refuse a key file that is in the clear. */
  readonly encrypted?: boolean
  /** Replaces the PKCS#11 module that the directory records. */
  readonly module?: ModuleChoice | null
}

/** No local-ca. */
export interface NoLocalCa {
  readonly kind: 'none'
}

/** A local-ca with its key in local-ca.key. */
export interface LocalCaInFile {
  readonly kind: 'file'
  /** Encrypt the key file with a new passphrase. */
  readonly encrypt?: boolean
}

/** A local-ca with its key generated in the token of the root key. */
export interface LocalCaInToken {
  readonly kind: 'token'
}

/** Where the root and local-ca are from, and where their keys are. Only beside a root key in a token can local-ca be in it. */
export type KeyPlaces =
  | {
      readonly root: NewRootInFile | ExistingRootOption<KeyInFile>
      readonly localCa: NoLocalCa | LocalCaInFile
    }
  | {
      readonly root: NewRootInToken | ExistingRootOption<KeyInToken | KeyInDirectory>
      readonly localCa: NoLocalCa | LocalCaInFile | LocalCaInToken
    }

/** The options of `ca create`. */
export type CreatePkiOptions = KeyPlaces & {
  /** Absolute path. */
  readonly directory: string
  readonly factory: string
  /** The source of that name, for messages: a flag, a variable, a file. */
  readonly factorySource?: string
  readonly onlineCa: boolean
  /** For the embedded Factory API; recorded, so a second run must pass the same names. */
  readonly tlsNames: readonly string[]
}

/** The token with the root key; null: it is in a file, or in-directory and not looked up yet. */
export function hsmOf(root: KeyPlaces['root']): HsmChoice | null {
  if (root.kind === 'new-token') return root.hsm
  return root.kind === 'existing' && root.key.kind === 'token' ? root.key.hsm : null
}

/** Are key files encrypted: that of the root and that of local-ca; null: no such file. */
export function encryptionOf({ root, localCa }: KeyPlaces): {
  readonly root: boolean | null
  readonly localCa: boolean | null
} {
  return { root: rootEncryption(root), localCa: localCa.kind === 'file' ? localCa.encrypt === true : null }
}

function rootEncryption(root: KeyPlaces['root']): boolean | null {
  if (root.kind === 'new-file') return root.encrypt === true
  if (root.kind === 'new-token' || root.key.kind === 'token') return null
  return (root.key.kind === 'file' ? root.key.encrypt : root.key.encrypted) === true
}

/** The names for tls-crt, each once, in the form that certificates carry. Throws ERR_USAGE. */
export function checkedTlsNames(names: readonly string[]): readonly string[] {
  const all = names.map((text) => {
    const name = toServerName(text)
    if (name !== null) return name
    throw new FpkiError(
      'ERR_USAGE',
      `The TLS name ${JSON.stringify(text)} is neither a DNS name nor an IP address.`,
      'Use a host name, or an IP address such as 192.0.2.1 or 2001:db8::1.',
      { option: 'tlsNames' },
    )
  })
  return [...new Set(all)]
}
