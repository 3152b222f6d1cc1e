import { createHash } from 'node:crypto'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { readJsonFile, writeJsonFile } from '../../storage/json-file.js'
import { CSR_KINDS, type CsrKind, type FactoryCertificates, factoryCertificates } from '../api.js'

/** A key that the embedded API stored, and the request for it. */
const storedCsr = z.strictObject({
  kind: z.enum(CSR_KINDS),
  /** 1 for the first of its kind; the key is in `keys/<kind>-<generation>.key`. */
  generation: z.int().check(z.positive()),
  /** DNS names and IP addresses. */
  names: z.array(z.string()),
  csr: z.string(),
  /** A certificate for this key was taken. */
  answered: z.boolean(),
})

/** Everything that the embedded API knows of one factory but the private keys. */
const factoryState = z.strictObject({
  version: z.literal(1),
  factory: z.string(),
  /** 24 hex digits when stored here; another API's may look otherwise. */
  userId: z.string().check(z.regex(/^[A-Za-z0-9_-]{1,57}$/)),
  csrs: z.array(storedCsr),
  /** null: the PKI is not configured yet. */
  certificates: z.nullable(factoryCertificates),
})

export type StoredCsr = z.infer<typeof storedCsr>
export type FactoryState = z.infer<typeof factoryState>

/** The folder of a factory in the state directory. */
export function factoryFolder(stateDirectory: string, factory: string): string {
  return join(stateDirectory, 'factories', factory)
}

/** The file that has the state of the factory in a folder. */
export function statePath(folder: string): string {
  return join(folder, 'factory.json')
}

/** The path of a private key that the API keeps. */
export function keyPath(folder: string, kind: CsrKind, generation: number): string {
  return join(folder, 'keys', `${kind}-${generation}.key`)
}

/** The state of `factory` in `folder`; null when there is none. Throws ERR_BAD_FILE when it is broken, ERR_PERMISSIONS when others can write it. */
export async function readState(files: DurableFiles, folder: string, factory: string): Promise<FactoryState | null> {
  const path = statePath(folder)
  await files.checkOwnFile(path)
  const state = await readJsonFile(files, path, factoryState)
  if (state === null || state.factory === factory) return state
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${path} is the state of another factory, ${state.factory}.`,
    'Nothing was changed; put it back into the folder that bears its name.',
  )
}

/**
 * The version of what the API answers, as a strong entity tag (RFC 9110, 8.8.3). It is a digest of the content: an update
 * that was stored for these certificates is right for them, whatever they were in between.
 */
export function versionOf(certificates: FactoryCertificates): string {
  return `"${createHash('sha256').update(JSON.stringify(certificates)).digest('base64url')}"`
}

/** Puts `state` in the place of what was there, durably. */
export function writeState(files: DurableFiles, folder: string, state: FactoryState): Promise<void> {
  return writeJsonFile(files, statePath(folder), state)
}
