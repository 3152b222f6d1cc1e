/** The codes of an {@link FpkiError}. `cli/exit.ts` maps them to exit codes (docs/profile.md#output). */
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
  | 'ERR_KIT'
  | 'ERR_LINE'
  | 'ERR_NO_DEVICE'
  | 'ERR_DENIED'
  | 'ERR_CLOCK'
  | 'ERR_NOT_A_DIRECTORY'
  | 'ERR_PERMISSIONS'
  | 'ERR_STORAGE'
  | 'ERR_THREAD'
  | 'ERR_STORE_AWAY'
  | 'ERR_STORE_LOGIN'
  | 'ERR_STORE_MOVED'
  | 'ERR_API'
  | 'ERR_WEBHOOK'
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
  | 'ERR_REFUSED'
  | 'ERR_SIGINT'
  | 'ERR_SIGTERM'

/** The options of the library's functions that an {@link FpkiError} can be about, as paths. */
export type FpkiOption =
  | 'api'
  | 'ca'
  | 'caFiles'
  | 'caSerials'
  | 'certificate'
  | 'cloud'
  | 'clientCas'
  | 'clientMap'
  | 'confirm'
  | 'crl'
  | 'crlSign'
  | 'crlValidity'
  | 'days'
  | 'devices'
  | 'est'
  | 'expires'
  | 'factory'
  | 'faults'
  | 'for'
  | 'gateway'
  | 'from'
  | 'gatewayOptions'
  | 'group'
  | 'hardwareIds'
  | 'insecureHttp'
  | 'keyPassphrases'
  | 'line'
  | 'list'
  | 'listen'
  | 'localCa.encrypt'
  | 'localCa.kind'
  | 'localCaFilename'
  | 'makeKeys'
  | 'moveKey'
  | 'ocsp'
  | 'ocspValidity'
  | 'maxRefused'
  | 'nginxMap'
  | 'onlineCa'
  | 'ostree'
  | 'out'
  | 'outFormat'
  | 'perDay'
  | 'profile'
  | 'publish'
  | 'quota'
  | 'recipientKey'
  | 'refused'
  | 'register'
  | 'reissueWindow'
  | 'replace'
  | 'root.certificateFile'
  | 'root.encrypt'
  | 'root.key'
  | 'root.key.encrypted'
  | 'root.key.path'
  | 'serial'
  | 'serve'
  | 'shares'
  | 'shipped'
  | 'since'
  | 'start'
  | 'status'
  | 'store'
  | 'tlsFiles'
  | 'tlsNames'
  | 'to'
  | 'tokenHeader'
  | 'until'
  | 'upstream'
  | 'uses'
  | 'uuid'
  | 'validity'
  | 'with'
  | 'withDevices'

/**
 * An error with a cause outside of fpki. Any other exception is a bug in fpki.
 *
 * `message` is one sentence that says what failed and why; `hint` says what to do. Neither ever contains key material, a
 * PIN, a passphrase or a token.
 */
export class FpkiError extends Error {
  override readonly name = 'FpkiError'
  readonly code: FpkiCode
  readonly hint: string
  /** The option of the called function that is wrong or missing; null: no single one. The command line shows its flag. */
  readonly option: FpkiOption | null

  constructor(
    code: FpkiCode,
    message: string,
    hint: string,
    options?: ErrorOptions & { readonly option?: FpkiOption },
  ) {
    super(message, options)
    this.code = code
    this.hint = hint
    this.option = options?.option ?? null
  }
}

/** Whether the user has interrupted the command: Ctrl-C, or a request to terminate. */
export function isInterruption(error: unknown): boolean {
  return error instanceof FpkiError && (error.code === 'ERR_SIGINT' || error.code === 'ERR_SIGTERM')
}

/** The `code` of a Node.js system error, such as `ENOSPC`; null for any other error. */
export function systemErrorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}
