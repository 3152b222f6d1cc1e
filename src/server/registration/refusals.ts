import type { RefusalCode } from '../../devices/refusal.js'

/** How a refusal is answered (docs/registration.md). */
interface RefusalAnswer {
  readonly status: 400 | 401 | 403 | 409
  /** The member of the request that is at fault, which clients print with the reason. */
  readonly field?: 'csr' | 'uuid' | 'group'
}

const BAD_CSR = { status: 400, field: 'csr' } as const

/** The answer to each refusal. A complete list, so that the compiler finds a refusal without an answer. */
export const REFUSAL_ANSWERS = {
  'input-unreadable': { status: 400 },
  'csr-malformed': BAD_CSR,
  'csr-signature': BAD_CSR,
  'csr-key': BAD_CSR,
  'csr-subject': BAD_CSR,
  'csr-common-name': BAD_CSR,
  'csr-factory': BAD_CSR,
  'csr-production': BAD_CSR,
  'csr-extension': BAD_CSR,
  'uuid-mismatch': { status: 400, field: 'uuid' },
  group: { status: 400, field: 'group' },
  credential: { status: 403 },
  'hardware-id': { status: 403 },
  quota: { status: 403 },
  'daily-quota': { status: 403 },
  window: { status: 403 },
  'line-paused': { status: 403 },
  'line-closed': { status: 403 },
  'not-listed': { status: 403 },
  'key-reused': { status: 409 },
  'serial-taken': { status: 409 },
  'uuid-taken': { status: 409 },
  denied: { status: 403 },
  'renewal-too-often': { status: 403 },
  // Of EST only.
  'client-missing': { status: 403 },
  'client-malformed': { status: 403 },
  'client-issuer': { status: 403 },
  'client-ca': { status: 403 },
  'client-purpose': { status: 403 },
  'client-subject': { status: 403 },
  'client-not-yet-valid': { status: 403 },
  'client-expired': { status: 403 },
  'client-unknown': { status: 403 },
  'client-abandoned': { status: 403 },
  'client-replaced': { status: 403 },
  'client-mapping': { status: 403 },
  'renewal-subject': { status: 403 },
  'renewal-early': { status: 403 },
  'other-line': { status: 403 },
} as const satisfies Record<RefusalCode, RefusalAnswer>
