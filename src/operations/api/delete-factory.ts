import { join } from 'node:path'
import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { embeddedFactories, hasEmbeddedFactory } from '../../factory/embedded/index.js'
import { factoryFolder, readState } from '../../factory/embedded/state.js'
import { readTokens } from '../../factory/embedded/tokens.js'
import { type LockPorts, withLock } from '../../factory/lock.js'
import { jsonDocument } from '../../json-document.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock } from '../../ports.js'
import { requireFree } from '../../storage/require-free.js'

/** What `fpki api delete-factory --json` prints. */
export const deleteFactoryResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  stateDirectory: z.string(),
  /** The new place of the factory's folder, with its keys; absolute. */
  copy: z.string(),
  /** SHA-256 of its root certificate; null: it had none, or its state is damaged. */
  rootFingerprint: z.nullable(z.string()),
  /** The ids of API tokens for this factory only. They remain valid for a new factory of the same name. */
  tokens: z.array(z.string()),
})

/** See {@link deleteFactoryResult}. */
export type DeleteFactoryResult = z.infer<typeof deleteFactoryResult>

/** Ports of {@link deleteFactory}. */
export interface DeleteFactoryPorts extends LockPorts {
  readonly clock: Clock
  /** Asks for confirmation. Throws when it is denied. */
  readonly confirm: (plan: DeleteFactoryResult) => Promise<void>
}

/**
 * Moves the folder of an embedded factory away, under its lock. Nothing is erased, and PKI directories are not changed.
 *
 * @throws FpkiError ERR_NOT_INITIALIZED when the factory does not exist, ERR_LOCKED, ERR_PERMISSIONS, ERR_STORAGE, and what
 *   `confirm` throws
 */
export async function deleteFactory(
  { stateDirectory, factory }: Pick<DeleteFactoryResult, 'stateDirectory' | 'factory'>,
  ports: DeleteFactoryPorts,
): Promise<DeleteFactoryResult> {
  const { files, clock, confirm } = ports
  const requireFactory = async () => {
    if (await hasEmbeddedFactory(files, stateDirectory, factory)) return
    throw noFactory(factory, stateDirectory, await embeddedFactories(files, stateDirectory))
  }
  await requireFactory()
  const folder = factoryFolder(stateDirectory, factory)
  await files.checkDirectory(folder)
  const deleted = join(stateDirectory, 'deleted')
  const time = clock()
    .toISOString()
    .replace(/[-:]|\.\d+/g, '')
  const tokens = (await readTokens(files, stateDirectory)).filter((token) => token.factory === factory)
  const plan = {
    factory,
    stateDirectory,
    copy: join(deleted, `${factory}.${time}`),
    rootFingerprint: await rootFingerprint(ports, folder, factory),
    tokens: tokens.map(({ id }) => id),
  }
  await confirm(plan)
  await files.makeDirectory(deleted)
  await withLock(ports, folder, `the embedded factory ${factory}`, async () => {
    await requireFactory()
    await requireFree(files, plan.copy, 'copy')
    await files.move(folder, plan.copy)
  })
  return plan
}

async function rootFingerprint({ files }: LockPorts, folder: string, factory: string): Promise<string | null> {
  const state = await readState(files, folder, factory).catch((error: unknown) => {
    // It must be possible to delete a damaged factory.
    if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
    throw error
  })
  const root = state?.certificates?.rootCrt
  return root ? readPemCertificate(root, 'root-crt').x509.fingerprint256.replaceAll(':', '').toLowerCase() : null
}

function noFactory(factory: string, stateDirectory: string, existing: readonly string[]): FpkiError {
  const hint = `Nothing was changed. Existing factories: ${existing.join(', ') || 'none'}.`
  return new FpkiError('ERR_NOT_INITIALIZED', `No factory ${JSON.stringify(factory)} in ${stateDirectory}.`, hint)
}
