import { type FpkiCode, FpkiError } from '../../errors.js'
import { shellWord } from '../../shell-word.js'

/** The token or module that an error is about. */
export interface Subject {
  /** The name in messages. */
  readonly name: string
  readonly modulePath: string
  readonly initArgs: string
  /** null for the module itself. */
  readonly token: { readonly label: string; readonly serial: string } | null
}

type Hint = string | ((subject: Subject) => string)

interface Meaning {
  readonly code: FpkiCode
  readonly says: string
  readonly hint: Hint
}

const AGAIN = 'Run the same command again; it continues where it stopped.'
const CHECK: Hint = (subject) => {
  const command = checkCommand(subject)
  return command === null ? LOOK_UP : `To see what the token supports: \`${command}\`.`
}
const LOOK_UP = "Look this code up in the documentation of the module's vendor."
const RECONNECT = 'Check that the token is plugged in and its service is running, then run the same command again.'
export const UNLOCK = "Unlock it with the SO PIN and the vendor's tool."
const UNPROTECT = "Remove the write protection with the vendor's tool."

/** Explanations of common return values (PKCS#11, 5.1). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  CKR_PIN_INCORRECT: pin('wrong PIN', 'The PIN was tried once. Verify it before you try again: tokens lock.'),
  CKR_PIN_INVALID: pin('the PIN contains invalid characters', 'Verify the PIN, then run the same command again.'),
  CKR_PIN_LEN_RANGE: pin('the PIN is too short or too long', 'The PIN was not tried. Verify it.'),
  CKR_PIN_LOCKED: pin('the PIN is locked', UNLOCK),
  CKR_PIN_EXPIRED: pin('the PIN has expired and must be changed', "Change it with the vendor's tool."),
  CKR_USER_PIN_NOT_INITIALIZED: pin(
    'no user PIN is set',
    'Set one with the SO PIN, for example with `pkcs11-tool --init-pin`.',
  ),
  CKR_USER_NOT_LOGGED_IN: pin('a PIN is required', 'Pass the PIN with --hsm-pin-file or in FPKI_HSM_PIN.'),
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: pin('the SO is logged in', 'Stop the other program that uses the token.'),
  CKR_FUNCTION_CANCELED: pin('PIN entry on the keypad was cancelled', AGAIN),
  CKR_CANCEL: pin('PIN entry on the keypad was cancelled', AGAIN),
  CKR_TOKEN_NOT_PRESENT: token('the token was removed', RECONNECT),
  CKR_TOKEN_NOT_RECOGNIZED: token(
    'the module does not recognise the token',
    "Pass the vendor's module with --hsm-module.",
  ),
  CKR_DEVICE_REMOVED: token('the token was removed', RECONNECT),
  CKR_SESSION_HANDLE_INVALID: token('the session was closed', RECONNECT),
  CKR_SESSION_CLOSED: token('the session was closed', RECONNECT),
  CKR_OBJECT_HANDLE_INVALID: token('the key no longer exists', RECONNECT),
  CKR_KEY_HANDLE_INVALID: token('the key no longer exists', RECONNECT),
  CKR_SLOT_ID_INVALID: token('the slot no longer exists', RECONNECT),
  CKR_DEVICE_ERROR: token('device error', RECONNECT),
  CKR_DEVICE_MEMORY: token('the token is full', 'Delete objects that are no longer needed, or use another token.'),
  CKR_SESSION_COUNT: token('no more sessions are available', 'Stop other programs that use the token.'),
  CKR_TOKEN_WRITE_PROTECTED: token('the token is write-protected', UNPROTECT),
  CKR_SESSION_READ_ONLY: token('the token is write-protected', UNPROTECT),
  CKR_MECHANISM_INVALID: key('ECDSA is not supported for this key', CHECK),
  CKR_MECHANISM_PARAM_INVALID: key('ECDSA is not supported for this key', CHECK),
  CKR_CURVE_NOT_SUPPORTED: key('the curve is not supported', 'Use --key-type P-256, or another token.'),
  CKR_DOMAIN_PARAMS_INVALID: key('the curve is not supported', 'Use --key-type P-256, or another token.'),
  CKR_KEY_TYPE_INCONSISTENT: key('the key is not an EC key', 'Name an EC key with --hsm-uri.'),
  CKR_KEY_FUNCTION_NOT_PERMITTED: key('the key must not be used for signing', 'Use a key with the attribute CKA_SIGN.'),
  CKR_ATTRIBUTE_VALUE_INVALID: key('the attributes of the key are not supported', CHECK),
  CKR_TEMPLATE_INCONSISTENT: key('the attributes of the key are not supported', CHECK),
  CKR_TEMPLATE_INCOMPLETE: key('the token requires more attributes for the key', CHECK),
  CKR_FUNCTION_NOT_SUPPORTED: key('the function is not supported', CHECK),
}

function pin(says: string, hint: Hint): Meaning {
  return { code: 'ERR_HSM_PIN', says, hint }
}

function token(says: string, hint: Hint): Meaning {
  return { code: 'ERR_HSM_TOKEN', says, hint }
}

function key(says: string, hint: Hint): Meaning {
  return { code: 'ERR_HSM_KEY', says, hint }
}

/** The `CKR_…` name in an error of pkcs11js; null for other errors. */
export function returnValue(error: unknown): string | null {
  if (error instanceof FpkiError) return null
  const text = error instanceof Error ? error.message : String(error)
  return /CKR_[A-Z0-9_]+/.exec(text)?.[0] ?? null
}

/** The `fpki hsm check` command for a token, without its PIN; null for a module. */
function checkCommand({ modulePath, initArgs, token }: Subject): string | null {
  if (token === null) return null
  const flags = [
    ['--hsm-module', modulePath],
    ['--hsm-token-label', token.label],
    ['--hsm-token-serial', token.serial],
    ['--hsm-init-args', initArgs],
  ] as const
  const words = flags.filter(([, value]) => value !== '').map(([flag, value]) => `${flag} ${shellWord(value)}`)
  return ['fpki hsm check', ...words].join(' ')
}

/**
 * Explains an error of pkcs11js, keeping the `CKR_…` name for searching. Other errors are returned unchanged.
 *
 * @param what the name in the message, if not the subject's
 */
export function explainError(error: unknown, subject: Subject, what = subject.name): unknown {
  const name = returnValue(error)
  if (name === null) return error
  const { code, says, hint } = MEANINGS[name] ?? {
    code: 'ERR_HSM_TOKEN' as const,
    says: 'the operation failed',
    hint: unknownCode(subject),
  }
  // No cause: an error text of a third-party module might contain secrets.
  return new FpkiError(code, `${what}: ${says} (${name}).`, typeof hint === 'string' ? hint : hint(subject))
}

function unknownCode(subject: Subject): string {
  const command = checkCommand(subject)
  return command === null
    ? LOOK_UP
    : `Look this code up in the documentation of the token's vendor. To see what the token supports: \`${command}\`.`
}

/** Runs PKCS#11 calls and explains their errors. */
export function explainErrors<T>(subject: Subject, work: () => T, what?: string): T {
  try {
    return work()
  } catch (error) {
    throw explainError(error, subject, what)
  }
}

/** Like {@link explainErrors}, for calls that end later. */
export async function explainRejections<T>(subject: Subject, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explainError(error, subject)
  }
}
