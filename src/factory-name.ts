import { FpkiError } from './errors.js'

/** 1 to 64 letters, digits, `-`, `_` and `.`, but not `.` or `..` (docs/profile.md#factory-name). */
const FACTORY_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/

/** Whether `name` is a valid factory name. */
export function isFactoryName(name: string): boolean {
  // `--factory --json` lacks the name, and the suffix marks unfinished files. A typing error would stay in certificates
  // for 20 years.
  return FACTORY_NAME.test(name) && !name.startsWith('--') && !name.endsWith('.fpki-unfinished')
}

/** Returns `name` if it is a valid factory name. `source` is where it is from. Throws ERR_USAGE. */
export function checkFactoryName(name: string, source: string): string {
  if (isFactoryName(name)) return name
  throw new FpkiError(
    'ERR_USAGE',
    `Invalid factory name ${JSON.stringify(name)} from ${source}.`,
    'Use 1 to 64 letters, digits, "-", "_" and ".".',
    { option: 'factory' },
  )
}
