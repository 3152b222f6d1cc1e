import { type FpkiCode, FpkiError } from '../../errors.js'
import { shellWord } from '../../shell-word.js'

/** The token or module that an error is about. */
export interface Subject {
  /** Its name in messages. */
  readonly name: string
  readonly modulePath: string
  readonly initArgs: string
  /** null: the module itself. */
  readonly token: { readonly label: string; readonly serial: string } | null
}

type Hint = string | ((subject: Subject) => string)

interface Meaning {
  readonly code: FpkiCode
  readonly says: string
  readonly hint: Hint
}

const AGAIN = 'Run the same command again; what is done is kept.'
const CHECK: Hint = (subject) => {
  const command = checkCommand(subject)
  return command === null ? LOOK_UP : `See what it can do with \`${command}\`.`
}
const LOOK_UP = "Look this code up in the documentation of the module's maker."
const RECONNECT = 'Look whether the token is plugged in and its service is running, then run the same command again.'

/** What the return values that people meet mean for them (PKCS#11, 5.1). */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  CKR_PIN_INCORRECT: pin('the PIN is wrong', 'It was tried once. Look it up before you try again: tokens lock.'),
  CKR_PIN_INVALID: pin('this cannot be its PIN', 'The token does not take its characters; look it up.'),
  CKR_PIN_LEN_RANGE: pin('the PIN is too short or too long', 'It was not tried; look it up.'),
  CKR_PIN_LOCKED: pin('its PIN is locked', "Unlock it with the SO PIN and the tool of the token's maker."),
  CKR_PIN_EXPIRED: pin('its PIN must be changed first', "Change it with the tool of the token's maker."),
  CKR_USER_PIN_NOT_INITIALIZED: pin(
    'it has no user PIN yet',
    'Set one with its SO PIN, for example by pkcs11-tool --init-pin.',
  ),
  CKR_USER_NOT_LOGGED_IN: pin('it wants a PIN for this', 'Give the PIN with --hsm-pin-file or FPKI_HSM_PIN.'),
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: pin('its SO is logged in', 'End the other program that uses the token.'),
  CKR_FUNCTION_CANCELED: pin('the PIN was not typed on its keypad', AGAIN),
  CKR_CANCEL: pin('the PIN was not typed on its keypad', AGAIN),
  CKR_TOKEN_NOT_PRESENT: token('it was taken out', RECONNECT),
  CKR_TOKEN_NOT_RECOGNIZED: token(
    'the module does not recognise it',
    'Name the module of its maker with --hsm-module.',
  ),
  CKR_DEVICE_REMOVED: token('it was taken out', RECONNECT),
  CKR_SESSION_HANDLE_INVALID: token('it ended the session', RECONNECT),
  CKR_SESSION_CLOSED: token('it ended the session', RECONNECT),
  CKR_OBJECT_HANDLE_INVALID: token('the key is not in it any more', RECONNECT),
  CKR_KEY_HANDLE_INVALID: token('the key is not in it any more', RECONNECT),
  CKR_SLOT_ID_INVALID: token('there is no such slot any more', RECONNECT),
  CKR_DEVICE_ERROR: token('it reports a failure of its own', RECONNECT),
  CKR_DEVICE_MEMORY: token('it is full', 'Delete what is not needed in it, or take another token.'),
  CKR_SESSION_COUNT: token('it has no session left', 'End the other programs that use the token.'),
  CKR_TOKEN_WRITE_PROTECTED: token(
    'it is write-protected',
    "Take the protection away with the tool of the token's maker.",
  ),
  CKR_SESSION_READ_ONLY: token('it is write-protected', "Take the protection away with the tool of the token's maker."),
  CKR_MECHANISM_INVALID: key('it cannot do ECDSA with such a key', CHECK),
  CKR_MECHANISM_PARAM_INVALID: key('it cannot do ECDSA with such a key', CHECK),
  CKR_CURVE_NOT_SUPPORTED: key('it does not have this curve', 'Take --key-type P-256, or another token.'),
  CKR_DOMAIN_PARAMS_INVALID: key('it does not have this curve', 'Take --key-type P-256, or another token.'),
  CKR_KEY_TYPE_INCONSISTENT: key('the key is of another kind', 'It must be an EC key.'),
  CKR_KEY_FUNCTION_NOT_PERMITTED: key('the key may not sign', 'It must have CKA_SIGN; make or import it again.'),
  CKR_ATTRIBUTE_VALUE_INVALID: key('it does not take a key with these attributes', CHECK),
  CKR_TEMPLATE_INCONSISTENT: key('it does not take a key with these attributes', CHECK),
  CKR_TEMPLATE_INCOMPLETE: key('it wants more attributes for such a key', CHECK),
  CKR_FUNCTION_NOT_SUPPORTED: key('it has no such function', CHECK),
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

/** The `CKR_…` name in an error of pkcs11js; null when it has none. */
export function returnValue(error: unknown): string | null {
  if (error instanceof FpkiError) return null
  const text = error instanceof Error ? error.message : String(error)
  return /CKR_[A-Z0-9_]+/.exec(text)?.[0] ?? null
}

/** `fpki hsm check` with the flags of a token, without its PIN; null: there is no token to check. */
function checkCommand({ modulePath, initArgs, token }: Subject): string | null {
  if (token === null) return null
  const flags = [
    ['--hsm-module', modulePath],
    ['--hsm-token-label', token.label],
    ['--hsm-token-serial', token.serial],
    ['--hsm-init-args', initArgs],
  ] as const
  const given = flags.filter(([, value]) => value !== '').map(([flag, value]) => `${flag} ${shellWord(value)}`)
  return ['fpki hsm check', ...given].join(' ')
}

/**
 * An error of pkcs11js in words for the person who holds the token, with the `CKR_…` name for searching. Anything else
 * is given back as it is.
 *
 * @param what the name of the token or module in the message, where it is not the subject's own
 */
export function explainedError(error: unknown, subject: Subject, what = subject.name): unknown {
  const name = returnValue(error)
  if (name === null) return error
  const { code, says, hint } = MEANINGS[name] ?? {
    code: 'ERR_HSM_TOKEN' as const,
    says: 'it says no',
    hint: unknownCode(subject),
  }
  // No cause: modules are not ours, and what they put into their errors is not ours to check for secrets.
  return new FpkiError(code, `${what}: ${says} (${name}).`, typeof hint === 'string' ? hint : hint(subject))
}

function unknownCode(subject: Subject): string {
  const command = checkCommand(subject)
  return command === null
    ? LOOK_UP
    : `Look this code up in the documentation of the token's maker; \`${command}\` shows what the token can do.`
}

/** Runs calls of PKCS#11 and puts what they throw into words. */
export function explained<T>(subject: Subject, work: () => T, what?: string): T {
  try {
    return work()
  } catch (error) {
    throw explainedError(error, subject, what)
  }
}
