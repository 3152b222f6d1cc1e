import { FpkiError } from '../errors.js'
import { noToken } from '../keystore/remembered-token.js'
import type { KeyAccess } from '../keystore/root-key.js'
import type {
  KeyPlaces,
  LocalCaInFile,
  LocalCaInToken,
  NewRootInFile,
  NewRootInToken,
  NoLocalCa,
} from '../operations/create/options.js'
import { shellWord } from '../shell-word.js'
import { filePath } from './directory.js'
import type { HsmFlags } from './hsm-options.js'
import type { Io } from './output.js'

/** The flags for the place of a new root key, and for its encryption. */
export interface NewRootFlags extends HsmFlags {
  readonly keyType?: NonNullable<NewRootInToken['curve']>
  readonly encryptKeys?: true
}

/** The flags of `ca create` for the places of keys. */
export interface KeyPlaceFlags extends NewRootFlags {
  readonly localCa: boolean
  readonly localCaInHsm?: true
  readonly rootKey?: string
  readonly rootCert?: string
}

/** The places of keys that the flags of `ca create` describe. Throws ERR_USAGE when the flags contradict each other. */
export function keyPlacesOf(flags: KeyPlaceFlags, access: KeyAccess, io: Io, directory: string): KeyPlaces {
  if (flags.rootKey !== undefined && flags.rootCert === undefined) throw keyWithoutCertificate()
  if (flags.rootKey !== undefined && access.root.kind === 'token') throw keyInFileAndToken(directory)
  if (flags.rootCert !== undefined) return placesOfExistingRoot(flags, flags.rootCert, access, io)
  const root = newRootOf(flags, access, io)
  if (root.kind === 'new-file') return { root, localCa: localCaInFile(flags) }
  requireFileToEncrypt(flags)
  return { root, localCa: localCaOf(flags) }
}

function placesOfExistingRoot(flags: KeyPlaceFlags, rootCert: string, { root }: KeyAccess, io: Io): KeyPlaces {
  const certificateFile = filePath(rootCert, io)
  const encrypt = flags.encryptKeys === true
  if (flags.rootKey !== undefined) {
    if (flags.localCaInHsm) throw withoutHsm('--local-ca-in-hsm')
    const key = { kind: 'file', path: filePath(flags.rootKey, io), encrypt } as const
    return { root: { kind: 'existing', certificateFile, key }, localCa: localCaInFile(flags) }
  }
  if (root.kind === 'token') {
    requireFileToEncrypt(flags)
    const key = { kind: 'token', hsm: root.hsm } as const
    return { root: { kind: 'existing', certificateFile, key }, localCa: localCaOf(flags) }
  }
  const key = {
    kind: 'in-directory',
    encrypted: encrypt,
    module: root.kind === 'recorded' ? root.module : null,
  } as const
  return { root: { kind: 'existing', certificateFile, key }, localCa: localCaOf(flags) }
}

/**
 * Where a new root key goes. A user who passes any HSM option must not find the root key on the disk: that throws ERR_USAGE
 * when no HSM is given.
 */
export function newRootOf(
  flags: NewRootFlags,
  { root }: Pick<KeyAccess, 'root'>,
  io: Io,
): NewRootInFile | NewRootInToken {
  if (root.kind === 'token') return { kind: 'new-token', hsm: root.hsm, curve: flags.keyType ?? 'P-256' }
  if (root.kind === 'recorded' && root.module !== null) throw noToken(root.module)
  const hsmFlags = Object.keys(flags).filter((flag) => flag.startsWith('hsm') || FOR_HSM.includes(flag))
  const variables = Object.keys(io.env).filter((name) => name.startsWith('FPKI_HSM_') && name !== 'FPKI_HSM_PIN')
  const [word] = [...hsmFlags.map(flagWord), ...variables.filter((name) => io.env[name])]
  if (word !== undefined) throw withoutHsm(word)
  return { kind: 'new-file', encrypt: flags.encryptKeys === true }
}

const FOR_HSM: readonly string[] = ['keyType', 'localCaInHsm']

function flagWord(flag: string): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function localCaOf(flags: KeyPlaceFlags): NoLocalCa | LocalCaInFile | LocalCaInToken {
  if (!flags.localCaInHsm) return localCaInFile(flags)
  if (flags.localCa) return { kind: 'token' }
  const text = '--local-ca-in-hsm and --no-local-ca cannot be combined.'
  throw new FpkiError('ERR_USAGE', text, 'Omit --local-ca-in-hsm.')
}

function localCaInFile({ localCa, encryptKeys }: KeyPlaceFlags): NoLocalCa | LocalCaInFile {
  return localCa ? { kind: 'file', encrypt: encryptKeys === true } : { kind: 'none' }
}

/** With a root key in a token, only the key of local-ca can be in a file. Throws ERR_USAGE when it is not. */
export function requireFileToEncrypt(
  flags: NewRootFlags & { readonly localCa: boolean; readonly localCaInHsm?: true },
): void {
  if (!flags.encryptKeys || (flags.localCa && !flags.localCaInHsm)) return
  const text = '--encrypt-keys requires a key file, and every key is in the token.'
  throw new FpkiError('ERR_USAGE', text, 'Omit --encrypt-keys.')
}

function withoutHsm(word: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `${word} requires an HSM, and no HSM is given.`,
    'Pass --hsm-module and --hsm-token-label, or omit this option.',
  )
}

function keyWithoutCertificate(): FpkiError {
  const text = '--root-key requires the certificate of that key.'
  return new FpkiError('ERR_USAGE', text, 'Pass --root-cert too, or omit --root-key to create a new root.')
}

function keyInFileAndToken(directory: string): FpkiError {
  const command = `fpki ca import-root ${shellWord(directory)} --hsm-module MODULE --hsm-token-label LABEL`
  return new FpkiError(
    'ERR_USAGE',
    '--root-key (a file) and the HSM options (a token) cannot be combined.',
    `Pass one of them. To move a key into a token afterwards: \`${command}\`.`,
  )
}
