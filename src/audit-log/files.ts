import { join } from 'node:path'
import { AUDIT_LOG, AUDIT_LOG_HEAD, OWN_FOLDER } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { FpkiError } from '../errors.js'
import { readJsonFile, writeJsonFile } from '../storage/json-file.js'
import { type AuditLogHead, auditLogHead } from './records.js'

/** The files of a PKI directory's audit log. */
interface AuditLogFiles {
  /** The text of `.fpki/log.jsonl`; null when it does not exist. */
  read(): Promise<string | null>
  /** Appends to it durably. */
  append(text: string): Promise<void>
  /** Replaces the text atomically, to remove the rest of a torn append. */
  replace(text: string): Promise<void>
  readHead(): Promise<AuditLogHead | null>
  writeHead(head: AuditLogHead): Promise<void>
}

/** A line has about 500 octets. */
const MAX_BYTES = 1024 * 1024 * 1024

const MODE = 0o600

/** The hint for a damaged audit log, also when signing cannot wait, such as for a revocation. */
export function repairHint(path: string): string {
  const own = join(path, OWN_FOLDER)
  return [
    `Restore ${own}/log.jsonl and ${own}/log.head from a backup.`,
    'Until then nothing is signed. If that cannot wait, move both files elsewhere and keep them:',
    'the next command that signs starts a new audit log and records that.',
  ].join(' ')
}

/** The files of the audit log of a PKI directory. */
export function auditLogFiles({ files, path }: Pick<PkiDirectory, 'files' | 'path'>): AuditLogFiles {
  const log = join(path, OWN_FOLDER, AUDIT_LOG)
  const head = join(path, OWN_FOLDER, AUDIT_LOG_HEAD)
  return {
    read: () => withRepairHint(path, () => files.read(log, MAX_BYTES)),
    append: (text) => files.append(log, text, MODE),
    replace: async (text) => {
      await files.replace(log, text, MODE)
      await files.flush()
    },
    readHead: () => withRepairHint(path, () => readJsonFile(files, head, auditLogHead)),
    writeHead: (content) => writeJsonFile(files, head, content),
  }
}

async function withRepairHint<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_BAD_FILE') throw error
    throw new FpkiError(error.code, error.message, repairHint(path), { cause: error })
  }
}
