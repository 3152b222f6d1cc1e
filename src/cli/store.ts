import { FpkiError } from '../errors.js'
import type { Io } from './output.js'

/**
 * The device register of --store, or else of FPKI_STORE; null: that of the directory. Throws ERR_USAGE as
 * {@link checkStoreWord}.
 */
export function storeOf({ store }: { readonly store?: string }, io: Pick<Io, 'env'>): string | null {
  if (store === undefined) return io.env['FPKI_STORE'] || null
  checkStoreWord(store, '--store')
  return store
}

/** Throws ERR_USAGE for a URL with a password, which all users of the machine can read while the command runs. */
export function checkStoreWord(url: string | null, flag: string): void {
  if (url === null || !/^postgres(ql)?:\/\/([^/?@]*:.*@|.*[?&]password=)/i.test(url)) return
  throw new FpkiError(
    'ERR_USAGE',
    `The URL of ${flag} has a password, which other users of this machine can see.`,
    'Put it into the file ~/.pgpass or PGPASSFILE (mode 0600): `HOST:PORT:DATABASE:USER:PASSWORD`; or pass the URL in FPKI_STORE.',
  )
}
