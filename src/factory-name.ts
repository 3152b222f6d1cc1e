import { FpkiError } from './errors.js'

/** Letters, digits, `-`, `_` and `.`; 1 to 64 of them; never a path of its own (docs/profile.md#factory-name). */
const FACTORY_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/

/** Can a factory be called so? */
export function isFactoryName(name: string): boolean {
  // `--factory --json` forgot the name, and files that end so are leftovers; a name stands in certificates for 20 years.
  return FACTORY_NAME.test(name) && !name.startsWith('--') && !name.endsWith('.fpki-unfinished')
}

/** `name`, when it can be a factory's. `source` says where it comes from. Throws ERR_USAGE. */
export function checkFactoryName(name: string, source: string): string {
  if (isFactoryName(name)) return name
  throw new FpkiError(
    'ERR_USAGE',
    `${JSON.stringify(name)}, from ${source}, cannot be a factory's name.`,
    'Use 1 to 64 letters, digits, "-", "_" and ".".',
    { option: 'factory' },
  )
}
