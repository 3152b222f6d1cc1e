import { OWN_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { DirectoryState } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { HsmChoice } from '../ports.js'
import { type HsmPlace, type NamedModule, rememberedPlace } from './choice.js'

/** What the person said of a token that a PKI directory remembers. */
export interface RememberedAccess {
  /** The module, where the person named it and not the token; absent or null: the remembered one is meant. */
  readonly module?: NamedModule | null
  /** Adds what was said of PIN and keypad to a place that is remembered; null: the token is not wanted. */
  complete(place: HsmPlace): HsmChoice | null
}

/** Why the records of a restored directory are not acted on. */
const RESTORED = 'it was restored from a backup, which does not prove who made it'

/**
 * The token that `.fpki/state.json` remembers for the root key; null: none, or it is not wanted. A module that only the record names is
 * taken when nobody else could have written the record or the module.
 *
 * @throws FpkiError ERR_HSM_MODULE when somebody could have; ERR_USAGE when the person named a module and no token is remembered
 */
export async function rememberedChoice(directory: PkiDirectory, access: RememberedAccess): Promise<HsmChoice | null> {
  const state = await directory.readState()
  const { module = null } = access
  if (state?.rootKey.kind !== 'pkcs11') {
    if (module !== null) throw noToken(module)
    return null
  }
  const place = rememberedPlace(state.rootKey)
  const choice = access.complete(module === null ? place : { ...place, ...module })
  if (choice === null || module !== null) return choice
  await requireTrusted(directory, 'state', place.module, state)
  return choice
}

/** Throws ERR_HSM_MODULE unless a module that a record of the directory names may be loaded. */
export async function requireTrusted(
  directory: PkiDirectory,
  record: 'state' | 'journal',
  module: string,
  found: Pick<DirectoryState, 'restored'>,
): Promise<void> {
  const reason = found.restored ? RESTORED : await directory.whyNotLoadable(record, module)
  if (reason === null) return
  throw new FpkiError(
    'ERR_HSM_MODULE',
    `Refusing to load ${module}, which ${directory.path}/.fpki/${OWN_FILES[record]} names as PKCS#11 module: ${reason}.`,
    'Name the module of your token with --hsm-module PATH; `fpki hsm list` shows those of this machine.',
  )
}

/** The error for a module without a token, where no directory remembers one. */
export function noToken({ module }: NamedModule): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `No token given for the PKCS#11 module ${module}.`,
    'Give --hsm-token-label LABEL; `fpki hsm list` shows what there is.',
  )
}
