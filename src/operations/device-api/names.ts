import { printable } from '../../printable.js'
import { MAX_NAME } from './wire.js'

/**
 * Why a device cannot be called so, as a clause; null: it can. fioctl puts the name into the path of a request as it is, so that
 * a name with a character that means something there could never be found again.
 */
export function nameProblem(name: string): string | null {
  if (name.trim() !== name || name === '') return 'the name is empty, or has a space at its begin or end'
  if (printable(name) !== name) return 'the name has an unprintable character'
  if (/[/?#%\\]/.test(name)) return 'the name has one of / ? # % \\'
  return encodeURIComponent(name).length > MAX_NAME ? 'the name is too long' : null
}
