import { FpkiError } from './errors.js'

/** Letters, digits, `-`, `_` and `.`; 1 to 64 of them; never a path of its own (cli.md, "Which Factory API"). */
const FACTORY_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/

/** `name`, when it can be a factory's. `source` says where it comes from. Throws ERR_USAGE. */
export function checkFactoryName(name: string, source: string): string {
  // `--factory --json` forgot the name; a factory called so would stand in certificates for 20 years.
  if (FACTORY_NAME.test(name) && !name.startsWith('--')) return name
  throw new FpkiError(
    'ERR_USAGE',
    `${JSON.stringify(name)}, from ${source}, cannot be a factory's name.`,
    'Name it with --factory: 1 to 64 letters, digits, "-", "_" and ".".',
  )
}
