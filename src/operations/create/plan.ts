import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { type ExistingRoot, readExistingRoot, resolveKeyInDirectory } from './existing-root.js'
import { type CreateKeys, checkPassphrase, openCreateKeys } from './keys.js'
import type { CreatePkiOptions } from './options.js'
import { requireRoomBelow } from './planned-certificates.js'
import { type CreatePkiPorts, checkBefore } from './preconditions.js'
import { checkExistingRoot } from './take-existing-root.js'

/** What `ca create` is going to do: everything that can be checked beforehand has been. */
export interface CreatePlan {
  readonly directory: PkiDirectory
  /** The options, with the locations of keys resolved from the directory's records. */
  readonly options: CreatePkiOptions
  /** null: a new root is created. */
  readonly existingRoot: ExistingRoot | null
  /** Their token is open; `keys.store.close` ends its session. */
  readonly keys: CreateKeys
}

/**
 * Checks whether a PKI can be created with these options, and where its keys are. Nothing is changed, but a token is opened and a
 * PIN or a passphrase may be prompted for.
 *
 * @throws FpkiError ERR_EXISTS, ERR_UNFINISHED, ERR_FACTORY_IS_SET, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS, ERR_PASSPHRASE,
 *   ERR_HSM_…, and what is wrong with an existing root
 */
export async function planCreate(options: CreatePkiOptions, ports: CreatePkiPorts): Promise<CreatePlan> {
  const directory = pkiDirectory(ports.files.deferring(), options.directory)
  const resolved = await resolveKeyInDirectory(options, directory)
  const open = await checkBefore(directory, resolved, ports)
  for (const warning of await directory.warningsAbove()) ports.progress.warn(warning)
  const existingRoot = await readExistingRoot(resolved, ports)
  if (existingRoot !== null) await requireRoomBelow(existingRoot.certificate, resolved, ports)
  const keys = await openCreateKeys(directory, resolved, existingRoot, ports)
  try {
    await keys.refuseTaken(open)
    if (existingRoot !== null) await checkExistingRoot(directory, existingRoot, keys, ports.passphrases)
    await checkPassphrase(directory, keys, resolved, ports)
    return { directory, options: resolved, existingRoot, keys }
  } catch (error) {
    await keys.store.close()
    throw error
  }
}
