import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import type { ModuleChoice } from '../../ports.js'
import { wellKnownModules } from '../../signer/pkcs11/discover.js'
import { listHere, type TokenLister } from '../../signer/pkcs11/list.js'
import { type ListProcess, listedToken, listInChild } from '../../signer/pkcs11/list-in-child.js'

/** What `fpki hsm list --json` prints. */
export const listTokensResult = jsonDocument({
  modules: z.array(
    z.strictObject({
      path: z.string(),
      /** Why its tokens cannot be shown; null: they can. */
      problem: z.nullable(z.string()),
      tokens: z.array(listedToken),
    }),
  ),
})

/** See {@link listTokensResult}. */
export type ListTokensResult = z.infer<typeof listTokensResult>

/** One token of a {@link ListTokensResult}. */
export type ListedToken = z.infer<typeof listedToken>

/**
 * The tokens of a module, or of every module that is found on this machine. No PIN is needed, and none is tried.
 *
 * @param child where each module is loaded; null: in this process, which a faulty module can end
 * @throws FpkiError ERR_HSM_MODULE when `module` cannot be loaded, or pkcs11js cannot; another module that does not load is
 *   listed with its problem
 */
export async function listTokens(
  { module }: { readonly module: ModuleChoice | null },
  { child = null }: { readonly child?: ListProcess | null } = {},
): Promise<ListTokensResult> {
  const list = child === null ? listHere : listInChild(child)
  if (module !== null) return { modules: [await listModule(module, list)] }
  const modules: ListTokensResult['modules'] = []
  // One after the other: modules may not support being loaded concurrently.
  for (const path of wellKnownModules()) modules.push(await listModuleIfItLoads(path, list))
  return { modules }
}

async function listModule(choice: ModuleChoice, list: TokenLister): Promise<ListTokensResult['modules'][number]> {
  return { path: choice.module, problem: null, tokens: [...(await list(choice))] }
}

async function listModuleIfItLoads(path: string, list: TokenLister): Promise<ListTokensResult['modules'][number]> {
  try {
    return await listModule({ module: path, initArgs: '' }, list)
  } catch (error) {
    if (!(error instanceof FpkiError) || !error.code.startsWith('ERR_HSM') || error.message.includes('pkcs11js'))
      throw error
    return { path, problem: error.message, tokens: [] }
  }
}
