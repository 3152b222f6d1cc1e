import { FpkiError } from '../errors.js'
import type { Io } from './output.js'

/** Revokes a new token that nobody has seen, because it could not be written to stdout, and throws ERR_STORAGE. */
export async function requireShown(io: Io, id: string, revoke: () => Promise<unknown>): Promise<void> {
  if (io.flushed === undefined || (await io.flushed())) return
  await revoke()
  const text = `Revoked the new token ${id}, because writing it to stdout failed.`
  throw new FpkiError('ERR_STORAGE', text, 'Run the command again with a writable stdout.')
}
