import type { FpkiCode, FpkiError } from '../errors.js'

const NO_KEY = 'the key of the device CA is not available'
const NO_CA = 'the device CA cannot issue now'
const NO_REGISTER = 'the device register is not available'

/** What is not available when a service for devices throws one of these; any other error is a fault of the server. */
const UNAVAILABLE: Readonly<Partial<Record<FpkiCode, string>>> = {
  ERR_STORAGE: NO_REGISTER,
  ERR_LOCKED: NO_REGISTER,
  ERR_UNFINISHED: NO_REGISTER,
  ERR_STORE_AWAY: NO_REGISTER,
  ERR_STORE_LOGIN: NO_REGISTER,
  ERR_STORE_MOVED: NO_REGISTER,
  ERR_HSM_MODULE: NO_KEY,
  ERR_HSM_TOKEN: NO_KEY,
  ERR_HSM_PIN: NO_KEY,
  ERR_HSM_KEY: NO_KEY,
  ERR_PASSPHRASE: NO_KEY,
  ERR_BAD_KEY: NO_KEY,
  ERR_THREAD: 'a worker thread has ended',
  ERR_CLOCK: NO_CA,
  ERR_NOT_A_DEVICE_CA: NO_CA,
  ERR_BAD_CERTIFICATE: NO_CA,
  ERR_API: 'the Factory API is not available',
}

/** What is not available, as a clause; null: the server itself is at fault. */
export function whatIsUnavailable({ code }: FpkiError): string | null {
  return UNAVAILABLE[code] ?? null
}
