import { FpkiError } from '../errors.js'
import { FILE_MEANINGS, isCrossCertificate, isReservedSuffix, ROOT_CSR } from './names.js'

/** A portable file name that needs no quotes and is not hidden. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/

/** Reserved names, compared case-insensitively because some file systems do. */
const TAKEN: readonly string[] = [...Object.keys(FILE_MEANINGS), ROOT_CSR]

/**
 * The files of a local-ca: `NAME.pem` and `NAME.key` (docs/profile.md#ca-words).
 *
 * @param name a file name without folders, with or without `.pem`
 * @throws FpkiError ERR_USAGE when it is a path, the name of another PKI file in any case, or has a suffix of fpki's own files
 */
export function localCaFiles(name: string): { readonly certificate: string; readonly key: string } {
  const stem = name.replace(/\.pem$/, '')
  const problem = problemOf(stem)
  if (problem === null) return { certificate: `${stem}.pem`, key: `${stem}.key` }
  throw new FpkiError(
    'ERR_USAGE',
    `Cannot use ${JSON.stringify(name)} as the file name of a local-ca: ${problem}.`,
    'Use a name without folders, such as site-b.pem; its key will be in site-b.key.',
  )
}

function problemOf(stem: string): string | null {
  if (stem === 'local-ca') return null
  if (!FILE_NAME.test(stem)) return 'it is not a plain file name'
  const folded = stem.toLowerCase()
  const base = folded.replace(/\.(pem|key)$/, '')
  const isTaken = [folded, base, `${base}.pem`, `${base}.key`].some((file) => TAKEN.includes(file))
  if (isTaken || isCrossCertificate(`${folded}.pem`)) return 'it is the name of another PKI file'
  return isReservedSuffix(folded) ? 'its suffix is reserved for files of fpki' : null
}
