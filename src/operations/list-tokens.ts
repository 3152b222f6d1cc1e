import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import { jsonDocument } from '../json-document.js'
import { CKF_TOKEN } from '../signer/pkcs11/cryptoki.js'
import { wellKnownModules } from '../signer/pkcs11/discover.js'
import { withModule } from '../signer/pkcs11/module.js'
import { slotsOf, type Token } from '../signer/pkcs11/token.js'

const listedToken = z.strictObject({
  label: z.string(),
  model: z.string(),
  serial: z.string(),
  manufacturer: z.string(),
  /** Decimal. */
  slotId: z.string(),
  /** What its flags say: somebody has set it up, and how its PIN stands. */
  state: z.enum(['ready', 'few PIN tries left', 'one PIN try left', 'PIN locked', 'PIN must be changed']),
})

/** What `fpki hsm list --json` prints. */
export const listedModules = jsonDocument({
  modules: z.array(
    z.strictObject({
      path: z.string(),
      /** Why its tokens cannot be shown; null: they can. */
      problem: z.nullable(z.string()),
      tokens: z.array(listedToken),
    }),
  ),
})

/** See {@link listedModules}. */
export type ListedModules = z.infer<typeof listedModules>

/** One token of a {@link ListedModules}. */
export type ListedToken = z.infer<typeof listedToken>

/** A module that is asked for, with what it wants to be told when it starts. */
export interface ModuleChoice {
  readonly path: string
  readonly initArgs: string
}

/**
 * The tokens of a module, or of every module that is found on this machine. No PIN is needed, and none is tried.
 *
 * @throws FpkiError ERR_HSM_MODULE when `only` cannot be loaded, or pkcs11js cannot; another module that does not load is
 *   listed with its problem
 */
export async function listTokens(only: ModuleChoice | null): Promise<ListedModules> {
  if (only !== null) return { modules: [await listModule(only)] }
  const modules: ListedModules['modules'] = []
  // One after the other: modules are not made to be started side by side.
  for (const path of wellKnownModules()) modules.push(await listModuleIfItLoads(path))
  return { modules }
}

async function listModule(module: ModuleChoice): Promise<ListedModules['modules'][number]> {
  const tokens = await withModule(module, (open) => slotsOf(open).filter(isSetUp).map(listed))
  return { path: module.path, problem: null, tokens }
}

async function listModuleIfItLoads(path: string): Promise<ListedModules['modules'][number]> {
  try {
    return await listModule({ path, initArgs: '' })
  } catch (error) {
    if (!(error instanceof FpkiError) || error.message.includes('pkcs11js')) throw error
    return { path, problem: error.message, tokens: [] }
  }
}

/** Slots of modules such as SoftHSM and opencryptoki show tokens that nobody has initialized, and that have no name. */
function isSetUp({ flags, label }: Token): boolean {
  return (flags & CKF_TOKEN.initialized) !== 0 && label !== ''
}

function listed({ slotId, label, model, serial, manufacturer, flags }: Token): ListedToken {
  return { label, model, serial, manufacturer, slotId, state: stateOf(flags) }
}

function stateOf(flags: number): ListedToken['state'] {
  if ((flags & CKF_TOKEN.pinLocked) !== 0) return 'PIN locked'
  if ((flags & CKF_TOKEN.pinToBeChanged) !== 0) return 'PIN must be changed'
  if ((flags & CKF_TOKEN.pinFinalTry) !== 0) return 'one PIN try left'
  return (flags & CKF_TOKEN.pinCountLow) !== 0 ? 'few PIN tries left' : 'ready'
}
