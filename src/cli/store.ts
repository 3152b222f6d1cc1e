import { FpkiError } from '../errors.js'
import type { Io } from './output.js'

/**
 * The device register of --store, or else of FPKI_STORE; null: that of the directory. Throws ERR_USAGE for a password in
 * --store, which every user of the machine can read while the command runs.
 */
export function storeOf({ store }: { readonly store?: string }, io: Pick<Io, 'env'>): string | null {
  if (store === undefined) return io.env['FPKI_STORE'] || null
  if (!/^postgres(ql)?:\/\/[^/?@]*:[^/?]*@|^postgres.*[?&]password=/i.test(store)) return store
  throw new FpkiError(
    'ERR_USAGE',
    'The URL of --store has a password, which other users of this machine can see.',
    'Put it into the file ~/.pgpass or PGPASSFILE (mode 0600): `HOST:PORT:DATABASE:USER:PASSWORD`; or give the URL in FPKI_STORE.',
  )
}
