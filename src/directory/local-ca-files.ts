import { FpkiError } from '../errors.js'
import { FILE_MEANINGS, isReservedSuffix, ROOT_CSR } from './names.js'

/** A name that is one on every file system, needs no quotes, and hides nothing. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/

/** A file system may take names for the same that differ in case alone, so that these have no second spelling. */
const TAKEN: readonly string[] = [...Object.keys(FILE_MEANINGS), ROOT_CSR]

/**
 * The files of a local-ca: `NAME.pem` and `NAME.key` (docs/profile.md#ca-words).
 *
 * @param name a bare name, with `.pem` or without
 * @throws FpkiError ERR_USAGE when it is a path, the name of another file of the PKI in any case, or ends as fpki's own
 *   files do
 */
export function localCaFiles(name: string): { readonly certificate: string; readonly key: string } {
  const stem = name.replace(/\.pem$/, '')
  const problem = problemOf(stem)
  if (problem === null) return { certificate: `${stem}.pem`, key: `${stem}.key` }
  throw new FpkiError(
    'ERR_USAGE',
    `Cannot use ${JSON.stringify(name)} as the name of local-ca's file: ${problem}.`,
    'Give a name without folders, site-b.pem for instance; its key goes into site-b.key beside it.',
  )
}

function problemOf(stem: string): string | null {
  if (stem === 'local-ca') return null
  if (!FILE_NAME.test(stem)) return 'it is not a plain file name'
  const folded = stem.toLowerCase()
  const base = folded.replace(/\.(pem|key)$/, '')
  const isTaken = [folded, base, `${base}.pem`, `${base}.key`].some((file) => TAKEN.includes(file))
  if (isTaken) return 'this is the name of another file of the PKI'
  return isReservedSuffix(folded) ? 'fpki gives names with this ending to files of its own' : null
}
