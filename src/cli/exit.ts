import type { FpkiCode } from '../errors.js'

/** The exit code of each error (docs/profile.md#output). A complete list, so that the compiler finds a code without a number. */
export const EXIT: Readonly<Record<FpkiCode, number>> = {
  ERR_USAGE: 2,
  ERR_EXISTS: 3,
  ERR_LOCKED: 3,
  ERR_UNFINISHED: 3,
  ERR_NOT_INITIALIZED: 3,
  ERR_FACTORY_IS_SET: 3,
  ERR_API_NOT_CHOSEN: 3,
  ERR_OTHER_ROOT: 3,
  ERR_NOT_A_DEVICE_CA: 3,
  ERR_NOT_CONFIRMED: 3,
  ERR_KEY_IN_TOKEN: 3,
  ERR_KIT: 3,
  ERR_LINE: 3,
  ERR_NO_DEVICE: 3,
  ERR_DENIED: 3,
  ERR_CLOCK: 3,
  ERR_NOT_A_DIRECTORY: 3,
  ERR_PERMISSIONS: 3,
  ERR_STORAGE: 3,
  ERR_THREAD: 3,
  ERR_STORE_MOVED: 3,
  ERR_API: 4,
  ERR_WEBHOOK: 4,
  ERR_STORE_AWAY: 4,
  ERR_STORE_LOGIN: 4,
  ERR_HSM_MODULE: 5,
  ERR_HSM_TOKEN: 5,
  ERR_HSM_PIN: 5,
  ERR_HSM_KEY: 5,
  ERR_BAD_FILE: 6,
  ERR_BAD_KEY: 6,
  ERR_PASSPHRASE: 6,
  ERR_BAD_CSR: 6,
  ERR_BAD_CERTIFICATE: 6,
  ERR_PROFILE: 6,
  ERR_CONSTRAINTS: 6,
  ERR_SIGNATURE: 6,
  ERR_REFUSED: 12,
  ERR_SIGINT: 130,
  ERR_SIGTERM: 143,
}

/** An unexpected failure: a bug in fpki. */
export const EXIT_DEFECT = 1

/** Exit codes of commands that complete and report a problem, such as `ca verify` and `ca status`. */
export const EXIT_FOUND = { broken: 6, expiring: 10, expired: 11, refused: 12, line: 3, unpublished: 4 } as const
