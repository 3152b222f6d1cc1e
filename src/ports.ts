/**
 * What the rooms of fpki are given from outside, so that none of them holds state, reads a clock, makes random
 * numbers or touches a disk by itself. Each port has its real form in one room and a double in the tests.
 */
import type { KeyObject } from 'node:crypto'
import type { ArchiveEntry } from './directory/archive.js'

/** The time, in whole milliseconds; certificates use whole seconds of it. */
export type Clock = () => Date

/** The elliptic curves of contract.md 2, under the names of FIPS 186-5. */
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

/** Who holds a private key. Code that makes a certificate cannot tell a disk from an HSM. */
export interface Signer {
  /** SubjectPublicKeyInfo, DER (RFC 5280, 4.1.2.7). */
  readonly publicKey: Uint8Array
  readonly algorithm: { readonly curve: Curve; readonly hash: Hash }
  /** Hashes `data` with the key's hash and signs it; resolves to the DER `ECDSA-Sig-Value` (RFC 5480, appendix A). */
  sign(data: Uint8Array): Promise<Uint8Array>
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

/** Which key in a token is meant. */
export interface KeyChoice {
  /** CKA_LABEL. */
  readonly label: string
  /** CKA_ID in lower-case hex; null: one of those that fioctl gives (contract.md 5). */
  readonly id: string | null
}

/** An HSM, the root key in it, and how its owner proves to be it (cli.md, "Keys, PINs, passphrases"). */
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

/** Where the passphrase of encrypted key files comes from (cli.md, "Keys, PINs, passphrases"). There is one a command. */
export interface Passphrases {
  /** That of the key which `what` names, which is there already; asked for when it turns out to be encrypted. Secret. */
  known(what: string): Promise<string>
  /** The one for keys that are made now; a person is asked for it twice. Secret. */
  chosen(): Promise<string>
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

/** What {@link FileSystem.stat} tells of a file. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other'
  /** The permission bits, 0o000 to 0o7777. */
  readonly mode: number
  readonly uid: number
}

/** A file that {@link FileSystem.createFile} has just made, and nobody else has open. */
export interface NewFile {
  write(content: Uint8Array): Promise<void>
  /** Resolves when the content is on the disk (fsync). */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A kernel lock on a file; it goes when it is released or its process ends, however that happens. */
export interface FileLock {
  release(): Promise<void>
}

/**
 * The single steps that a file system can be asked for. `directory/files.ts` builds durable writes from them, and the
 * crash tests stop the world after each one. Failures are Node's system errors.
 */
export interface FileSystem {
  /** The effective user, to tell one's own files from others'. */
  readonly uid: number
  /** null: nothing is there. Follows symbolic links. */
  stat(path: string): Promise<FileStatus | null>
  /** The path of what is there without symbolic links. */
  realPath(path: string): Promise<string>
  /** The names in a directory, sorted; null: nothing is there. */
  list(path: string): Promise<readonly string[] | null>
  /** The content of a file of at most `maxBytes`; null: nothing is there. A larger file throws
   * `ERR_FS_FILE_TOO_LARGE`, a pipe or the like `ERR_FS_NOT_A_FILE`. */
  read(path: string, maxBytes: number): Promise<Uint8Array | null>
  /** Makes one directory with its final mode; false: something is there already. */
  makeDirectory(path: string, mode: number): Promise<boolean>
  /** Makes a file with its final mode, open for writing; throws `EEXIST` when anything is there. */
  createFile(path: string, mode: number): Promise<NewFile>
  /** A second name for a file; throws `EEXIST` when anything is at `newPath`. */
  link(existingPath: string, newPath: string): Promise<void>
  rename(oldPath: string, newPath: string): Promise<void>
  /** Removes a name; nothing there is fine. */
  remove(path: string): Promise<void>
  /** Removes a directory, which must be empty. */
  removeDirectory(path: string): Promise<void>
  /** Resolves when the names in a directory are on the disk (fsync of the directory). */
  syncDirectory(path: string): Promise<void>
  /** Locks the file at `path`, made with mode 0600 when missing; null: another process holds it. */
  lock(path: string): Promise<FileLock | null>
  /** Does another process hold the lock of the file at `path`? Nothing is made; what cannot be looked at is free. */
  isLocked(path: string): Promise<boolean>
}

/** Files that are whole or absent, whatever happens in between. */
export interface DurableFiles {
  /** Makes a directory (and what is missing above it) with mode 0700; one that is there is left as it is. */
  makeDirectory(path: string): Promise<void>
  /** Throws ERR_PERMISSIONS when others than this user could change what is in the directory. */
  checkDirectory(path: string): Promise<void>
  /** The same, and ERR_NOT_A_DIRECTORY when it is a symbolic link. */
  checkOwnDirectory(path: string): Promise<void>
  /** Writes a new file with its final mode. Throws ERR_EXISTS when anything is there; never overwrites. */
  create(path: string, content: string | Uint8Array, mode: number): Promise<void>
  /** Writes a file, or puts a new one in its place in one move. */
  replace(path: string, content: string, mode: number): Promise<void>
  /** Gives a file its name: `to` is free, or holds the same. Throws ERR_EXISTS when it holds anything else. */
  place(from: string, to: string): Promise<void>
  /** Moves a file into the place of another, in one step. */
  move(from: string, to: string): Promise<void>
  /**
   * A further name for the file at `path`, so that a move into its place does not lose it: `path.bak`, or `path.bak.1`
   * and so on behind those that are there. The newest of them is left alone when it holds the same. Resolves to its path.
   */
  keep(path: string): Promise<string>
  /** Removes a file, durably; nothing there is fine. */
  remove(path: string): Promise<void>
  /** The text of a file, or null when there is none. Throws ERR_BAD_FILE when it is larger than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<string | null>
  /** The octets of a file; else as {@link read}. */
  readOctets(path: string, maxBytes: number): Promise<Uint8Array | null>
  /** What is at `path`; null: nothing is there. Follows symbolic links. */
  kindOf(path: string): Promise<FileStatus['kind'] | null>
  /** The names in a directory, without those of interrupted writes; null when there is no directory. */
  list(path: string): Promise<readonly string[] | null>
  /** Removes what interrupted writes left in a directory. Only for the holder of its lock. */
  sweep(path: string): Promise<void>
  /** null: another process holds it. */
  lock(path: string): Promise<FileLock | null>
  /** Does another process hold it? Nothing is made. */
  isLocked(path: string): Promise<boolean>
  /** What is at `path`, behind symbolic links; null: nothing. */
  status(path: string): Promise<FileStatus | null>
  /** Fills a directory that nobody uses yet, durably. Its folders have mode 0700, files the mode that `entries` say. */
  writeTree(path: string, entries: readonly ArchiveEntry[]): Promise<void>
  /** Removes a directory with all that is in it; follows no link. For what fpki itself has put there only. */
  removeTree(path: string): Promise<void>
  /** The names of what interrupted writes left in a directory. */
  unfinished(path: string): Promise<readonly string[]>
}
