import type { RefusalCode } from '../../devices/refusal.js'
import { REQUEST_REFUSALS } from '../../pki/device-policy.js'

/** What is wrong with the request itself; everything else is not allowed. */
const BAD_REQUEST: readonly RefusalCode[] = ['input-unreadable', ...REQUEST_REFUSALS]

/** The device or the key is taken. */
const CONFLICTS: readonly RefusalCode[] = ['key-reused', 'serial-taken', 'uuid-taken']

/** What a client that is refused by the register's limit of certificates waits, in seconds: the limit is for a day. */
export const TOO_OFTEN_AFTER = 3600

/** The status of a refusal (docs/renewal.md#refusals). */
export function refusalStatus(code: RefusalCode): 400 | 403 | 409 | 429 {
  if (code === 'renewal-too-often') return 429
  if (CONFLICTS.includes(code)) return 409
  return BAD_REQUEST.includes(code) ? 400 : 403
}
