import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import { readJsonFile, writeJsonFile } from '../json-file.js'
import type { DurableFiles } from '../ports.js'
import { OWN_FOLDER } from './names.js'
import { type RegisterHead, registerHead } from './register-records.js'

/** The register's files of a PKI directory. */
export interface RegisterFiles {
  /** The text of `.fpki/log.jsonl`; null: there is none. */
  readRegister(): Promise<string | null>
  /** Writes behind it; resolves when it is on the disk. */
  appendToRegister(text: string): Promise<void>
  /** Puts another text in its place, in one move: what a torn append left goes so. */
  repairRegister(text: string): Promise<void>
  readRegisterHead(): Promise<RegisterHead | null>
  writeRegisterHead(head: RegisterHead): Promise<void>
}

/** A line has 500 octets or so. */
const MAX_BYTES = 1024 * 1024 * 1024

const MODE = 0o600

/** In fpki's own folder. */
export const REGISTER = 'log.jsonl'
export const REGISTER_HEAD = 'log.head'

/** What to do when the register of the PKI directory at `path` is broken, and nobody is to wait for that: to revoke, for instance. */
export function wayOut(path: string): string {
  const own = join(path, OWN_FOLDER)
  return [
    `Put ${own}/log.jsonl and ${own}/log.head back as they were.`,
    'Until then nothing is signed; if that cannot wait, move both of them elsewhere and keep them:',
    'the next command that signs begins a new register, and its first line says so.',
  ].join(' ')
}

/** The register's files of the PKI directory at `path`. */
export function registerFiles(files: DurableFiles, path: string): RegisterFiles {
  const log = join(path, OWN_FOLDER, REGISTER)
  const head = join(path, OWN_FOLDER, REGISTER_HEAD)
  return {
    readRegister: () => withWayOut(path, () => files.read(log, MAX_BYTES)),
    appendToRegister: (text) => files.append(log, text, MODE),
    repairRegister: (text) => files.replace(log, text, MODE),
    readRegisterHead: () => withWayOut(path, () => readJsonFile(files, head, registerHead)),
    writeRegisterHead: (content) => writeJsonFile(files, head, content),
  }
}

async function withWayOut<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_BAD_FILE') throw error
    throw new FpkiError(error.code, error.message, wayOut(path), { cause: error })
  }
}
