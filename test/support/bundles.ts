import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the bundles of scripts are; packages that are not bundled are found from there. */
export const BUNDLES = fileURLToPath(new URL('../../node_modules/.cache/fpki-test', import.meta.url))

/** A script in this folder that uses the library, as one file: global-setup.ts bundles it. */
export function bundledScript(name: string): string {
  return join(BUNDLES, `${name}.mjs`)
}
