import { FpkiError, systemErrorCode } from '../errors.js'
import { shellWord } from '../shell-word.js'

/** The primary result codes of SQLite (https://sqlite.org/rescode.html) with causes outside of fpki. */
const CODES: Readonly<Record<number, readonly ['ERR_STORAGE' | 'ERR_LOCKED' | 'ERR_BAD_FILE', string, string]>> = {
  3: ['ERR_STORAGE', 'permission denied', 'Run fpki as the owner of the file.'],
  5: ['ERR_LOCKED', 'another process is writing to it', 'Wait for it to finish, then run the same command again.'],
  6: ['ERR_LOCKED', 'another process is writing to it', 'Wait for it to finish, then run the same command again.'],
  8: ['ERR_STORAGE', 'it is read-only', 'Mount the file system for writing, or use another directory.'],
  10: ['ERR_STORAGE', 'input/output error', 'Check the disk (dmesg). What was committed before is in the register.'],
  11: ['ERR_BAD_FILE', 'the database is damaged', 'Check the disk (dmesg), then restore the register from a backup.'],
  13: ['ERR_STORAGE', 'no space left on device', 'Free some space and run the same command again.'],
  14: ['ERR_STORAGE', 'the file cannot be opened', 'Check the path, its permissions and the disk.'],
  24: ['ERR_BAD_FILE', 'the database is damaged', 'Check the disk (dmesg), then restore the register from a backup.'],
  26: ['ERR_BAD_FILE', 'it is not a SQLite database', 'Check the path, or restore the register from a backup.'],
}

/** The texts of the same codes (sqlite3_errstr): the package leaves out the code where a statement returns rows. */
const TEXTS: readonly (readonly [RegExp, number])[] = [
  [/^database is locked/, 5],
  [/^attempt to write a readonly database/, 8],
  [/^disk I\/O error/, 10],
  [/^database disk image is malformed/, 11],
  [/^database or disk is full/, 13],
  [/^unable to open database file/, 14],
  [/^file is not a database/, 26],
  // No number that fpki writes is.
  [/^Value is too large to be represented as a JavaScript number/, 11],
]

/** The primary result code of an error of SQLite; null for any other error. */
function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || systemErrorCode(error) !== 'ERR_SQLITE_ERROR') return null
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff
  return TEXTS.find(([text]) => text.test(error.message))?.[1] ?? null
}

/** Runs `work` on the database at `path`, and converts errors of SQLite that are not mistakes of fpki. */
export function explainSqliteErrors<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw explained(path, error)
  }
}

function explained(path: string, error: unknown): unknown {
  const [code, reason, hint] = CODES[sqliteCode(error) ?? -1] ?? []
  if (code === undefined || reason === undefined || hint === undefined) return error
  return new FpkiError(code, `The device register ${shellWord(path)}: ${reason}.`, hint, { cause: error })
}
