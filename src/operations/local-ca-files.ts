import { FILE_MEANINGS } from '../directory/names.js'
import { FpkiError } from '../errors.js'

/** A name that is one on every file system, needs no quotes, and hides nothing. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/

/**
 * The files of a local-ca: `NAME.pem` and `NAME.key` (contract.md 1 and 2).
 *
 * @param name a bare name, with `.pem` or without
 * @throws FpkiError ERR_USAGE when it is a path, or the name of another file of the PKI
 */
export function localCaFiles(name: string): { readonly certificate: string; readonly key: string } {
  const stem = name.replace(/\.pem$/, '')
  const isOwn =
    stem !== 'local-ca' && [`${stem}.pem`, `${stem}.key`, stem].some((file) => Object.hasOwn(FILE_MEANINGS, file))
  if (FILE_NAME.test(stem) && !isOwn) return { certificate: `${stem}.pem`, key: `${stem}.key` }
  const is = isOwn ? 'is that of another file of the PKI' : 'is no plain file name'
  throw new FpkiError(
    'ERR_USAGE',
    `The name of local-ca's file, ${JSON.stringify(name)}, ${is}.`,
    'Give a name without folders, site-b.pem for instance; its key goes into site-b.key beside it.',
  )
}
