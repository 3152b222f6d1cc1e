import { createHash } from 'node:crypto'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { readJsonFile, writeJsonFile } from '../../storage/json-file.js'
import { CSR_KINDS, type CsrKind, type FactoryCertificates, factoryCertificates } from '../api.js'

/** A key that the embedded API generated, and its request. */
const storedCsr = z.strictObject({
  kind: z.enum(CSR_KINDS),
  /** Counts from 1 for each kind; the key is in `keys/<kind>-<generation>.key`. */
  generation: z.int().check(z.positive()),
  /** DNS names and IP addresses. */
  names: z.array(z.string()),
  csr: z.string(),
  /** Whether the API has received a certificate for this key. */
  answered: z.boolean(),
})

/** The state of one factory, except the private keys. */
const factoryState = z.strictObject({
  version: z.literal(1),
  factory: z.string(),
  /** 24 hex digits when generated here; other APIs may use other formats. */
  userId: z.string().check(z.regex(/^[A-Za-z0-9_-]{1,57}$/)),
  csrs: z.array(storedCsr),
  /** null when the PKI is not configured yet. */
  certificates: z.nullable(factoryCertificates),
})

export type StoredCsr = z.infer<typeof storedCsr>
export type FactoryState = z.infer<typeof factoryState>

/** The folder of a factory in the state directory. */
export function factoryFolder(stateDirectory: string, factory: string): string {
  return join(stateDirectory, 'factories', factory)
}

/** The state file in a factory's folder. */
export function statePath(folder: string): string {
  return join(folder, 'factory.json')
}

/** The path of a private key of the API. */
export function keyPath(folder: string, kind: CsrKind, generation: number): string {
  return join(folder, 'keys', `${kind}-${generation}.key`)
}

/** Reads the state of `factory` in `folder`; null when there is none. Throws ERR_BAD_FILE, ERR_PERMISSIONS. */
export async function readState(files: DurableFiles, folder: string, factory: string): Promise<FactoryState | null> {
  const path = statePath(folder)
  await files.checkOwnFile(path)
  const state = await readJsonFile(files, path, factoryState)
  if (state === null || state.factory === factory) return state
  throw new FpkiError(
    'ERR_BAD_FILE',
    `${path} is the state of another factory (${state.factory}).`,
    'Nothing was changed. Move it back to the folder with the name of that factory.',
  )
}

/**
 * The version of the certificates, as a strong entity tag (RFC 9110, 8.8.3). It is a digest: an update for these
 * certificates is valid whenever they are current.
 */
export function versionOf(certificates: FactoryCertificates): string {
  return `"${createHash('sha256').update(JSON.stringify(certificates)).digest('base64url')}"`
}

/** Replaces the state durably. */
export function writeState(files: DurableFiles, folder: string, state: FactoryState): Promise<void> {
  return writeJsonFile(files, statePath(folder), state)
}

function unsyncedMark(folder: string): string {
  return join(folder, 'unsynced')
}

/** Before an update becomes visible: until {@link unmarkUnsynced}, a reader syncs the folder before it believes the state. */
export function markUnsynced(files: DurableFiles, folder: string): Promise<void> {
  return files.append(unsyncedMark(folder), '', 0o600)
}

/** The state is on the disk. The mark may be there again after a loss of power, which costs a reader one sync. */
export function unmarkUnsynced(files: DurableFiles, folder: string): Promise<void> {
  return files.remove(unsyncedMark(folder))
}

/** Whether a writer was killed, or is at work, between an update and its sync. */
export async function isUnsynced(files: DurableFiles, folder: string): Promise<boolean> {
  return (await files.kindOf(unsyncedMark(folder))) !== null
}
