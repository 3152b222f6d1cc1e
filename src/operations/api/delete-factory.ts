import { join } from 'node:path'
import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { embeddedFactories, embeddedHas } from '../../factory/embedded/index.js'
import { factoryFolder, readState } from '../../factory/embedded/state.js'
import { readTokens } from '../../factory/embedded/tokens.js'
import { type LockPorts, withLock } from '../../factory/lock.js'
import { jsonDocument } from '../../json-document.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Clock } from '../../ports.js'
import { requireFree } from '../../storage/free-place.js'

/** What `fpki api delete-factory --json` prints. */
export const deleteFactoryResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  stateDirectory: z.string(),
  /** Where the factory's folder, with the keys in it, is now; absolute. */
  copy: z.string(),
  /** SHA-256 of its root of trust; null: it had none, or its state is damaged. */
  rootFingerprint: z.nullable(z.string()),
  /** The ids of the API tokens that are for this factory alone; they stay, and open the next factory of this name. */
  tokens: z.array(z.string()),
})

/** See {@link deleteFactoryResult}. */
export type DeleteFactoryResult = z.infer<typeof deleteFactoryResult>

/** What deleting a factory works with. */
export interface DeleteFactoryPorts extends LockPorts {
  readonly clock: Clock
  /** Asks whether to go on. Throws when not. */
  readonly confirm: (plan: DeleteFactoryResult) => Promise<void>
}

/**
 * Moves the folder of an embedded factory aside, under its lock; nothing is deleted. PKI directories are left as they are.
 *
 * @throws FpkiError ERR_NOT_INITIALIZED when there is no such factory, ERR_LOCKED, ERR_PERMISSIONS, ERR_STORAGE, and what
 *   `confirm` throws
 */
export async function deleteFactory(
  { stateDirectory, factory }: Pick<DeleteFactoryResult, 'stateDirectory' | 'factory'>,
  ports: DeleteFactoryPorts,
): Promise<DeleteFactoryResult> {
  const { files, clock, confirm } = ports
  const requireThere = async () => {
    if (await embeddedHas(files, stateDirectory, factory)) return
    throw noFactory(factory, stateDirectory, await embeddedFactories(files, stateDirectory))
  }
  await requireThere()
  const folder = factoryFolder(stateDirectory, factory)
  await files.checkDirectory(folder)
  const aside = join(stateDirectory, 'deleted')
  const time = clock()
    .toISOString()
    .replace(/[-:]|\.\d+/g, '')
  const tokens = (await readTokens(files, stateDirectory)).filter((token) => token.factory === factory)
  const plan = {
    factory,
    stateDirectory,
    copy: join(aside, `${factory}.${time}`),
    rootFingerprint: await rootFingerprint(ports, folder, factory),
    tokens: tokens.map(({ id }) => id),
  }
  await confirm(plan)
  await files.makeDirectory(aside)
  await withLock(ports, folder, `the embedded factory ${factory}`, async () => {
    await requireThere()
    await requireFree(files, plan.copy, 'copy')
    await files.move(folder, plan.copy)
  })
  return plan
}

async function rootFingerprint({ files }: LockPorts, folder: string, factory: string): Promise<string | null> {
  const state = await readState(files, folder, factory).catch((error: unknown) => {
    // A damaged factory must be possible to delete too.
    if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
    throw error
  })
  const root = state?.certificates?.rootCrt
  return root ? readPemCertificate(root, 'root-crt').x509.fingerprint256.replaceAll(':', '').toLowerCase() : null
}

function noFactory(factory: string, stateDirectory: string, there: readonly string[]): FpkiError {
  const hint = `Nothing was changed. Factories there: ${there.join(', ') || 'none'}.`
  return new FpkiError('ERR_NOT_INITIALIZED', `No factory ${JSON.stringify(factory)} in ${stateDirectory}.`, hint)
}
