/** Every code that an {@link FpkiError} can carry. `cli/exit.ts` gives each its exit number (docs/profile.md#output). */
export type FpkiCode =
  | 'ERR_USAGE'
  | 'ERR_EXISTS'
  | 'ERR_LOCKED'
  | 'ERR_UNFINISHED'
  | 'ERR_NOT_INITIALIZED'
  | 'ERR_FACTORY_IS_SET'
  | 'ERR_API_NOT_CHOSEN'
  | 'ERR_OTHER_ROOT'
  | 'ERR_NOT_A_DEVICE_CA'
  | 'ERR_NOT_CONFIRMED'
  | 'ERR_KEY_IN_TOKEN'
  | 'ERR_CLOCK'
  | 'ERR_NOT_A_DIRECTORY'
  | 'ERR_PERMISSIONS'
  | 'ERR_STORAGE'
  | 'ERR_API'
  | 'ERR_HSM_MODULE'
  | 'ERR_HSM_TOKEN'
  | 'ERR_HSM_PIN'
  | 'ERR_HSM_KEY'
  | 'ERR_BAD_FILE'
  | 'ERR_BAD_KEY'
  | 'ERR_PASSPHRASE'
  | 'ERR_BAD_CSR'
  | 'ERR_BAD_CERTIFICATE'
  | 'ERR_PROFILE'
  | 'ERR_CONSTRAINTS'
  | 'ERR_SIGNATURE'
  | 'ERR_SIGINT'
  | 'ERR_SIGTERM'

/**
 * What fpki throws when something outside of fpki is wrong. Anything else that is thrown is a defect of fpki's.
 *
 * `message` is one sentence that names the thing that is wrong; `hint` is one that says what to do. Neither ever
 * holds key material, a PIN, a passphrase or a token.
 */
export class FpkiError extends Error {
  override readonly name = 'FpkiError'
  readonly code: FpkiCode
  readonly hint: string

  constructor(code: FpkiCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}

/** The `code` of a Node system error (`ENOSPC`, `EACCES`, …), or null when `error` is none. */
export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}
