import { OWN_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { DirectoryState } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { HsmChoice, ModuleChoice } from '../ports.js'
import { choiceOfRef } from './hsm-words.js'

/** Why the records of a restored directory are not used. */
const RESTORED = 'it was restored from a backup, which does not prove who made it'

/**
 * The token that `.fpki/state.json` records for the root key; null: the key is in its file. A module that only the record
 * names is loaded when nobody else could have written the record or the module.
 *
 * @param module the module that the caller names; null: the recorded one
 * @throws FpkiError ERR_HSM_MODULE when somebody could have; ERR_USAGE when the caller names a module and no token is recorded
 */
export async function rememberedChoice(
  directory: PkiDirectory,
  module: ModuleChoice | null,
): Promise<HsmChoice | null> {
  const state = await directory.readState()
  if (state?.rootKey.kind !== 'pkcs11') {
    if (module !== null) throw noToken(module)
    return null
  }
  const recorded = choiceOfRef(state.rootKey)
  if (module !== null) return { ...recorded, ...module }
  await requireTrusted(directory, 'state', recorded.module, state)
  return recorded
}

/** Throws ERR_HSM_MODULE unless a module that a record of the directory names may be loaded. */
export async function requireTrusted(
  directory: PkiDirectory,
  record: 'state' | 'journal',
  module: string,
  source: Pick<DirectoryState, 'restored'>,
): Promise<void> {
  const reason = source.restored ? RESTORED : await directory.whyNotLoadable(record, module)
  if (reason === null) return
  throw new FpkiError(
    'ERR_HSM_MODULE',
    `Refusing to load ${module}, the PKCS#11 module recorded in ${directory.path}/.fpki/${OWN_FILES[record]}: ${reason}.`,
    'Pass the module of your token with --hsm-module PATH; `fpki hsm list` lists the modules of this machine.',
  )
}

/** The error for a module without a token, when no directory records one. */
export function noToken({ module }: ModuleChoice): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `No token given for the PKCS#11 module ${module}.`,
    'Pass --hsm-token-label LABEL; `fpki hsm list` lists the tokens.',
  )
}
