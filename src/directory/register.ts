import { join } from 'node:path'
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

/** The register's files of the PKI directory at `path`. */
export function registerFiles(files: DurableFiles, path: string): RegisterFiles {
  const log = join(path, OWN_FOLDER, 'log.jsonl')
  const head = join(path, OWN_FOLDER, 'log.head')
  return {
    readRegister: () => files.read(log, MAX_BYTES),
    appendToRegister: (text) => files.append(log, text, MODE),
    repairRegister: (text) => files.replace(log, text, MODE),
    readRegisterHead: () => readJsonFile(files, head, registerHead),
    writeRegisterHead: (content) => writeJsonFile(files, head, content),
  }
}
