import { FpkiError } from '../../errors.js'
import type { HsmChoice, TokenChoice, TokenLogin } from '../../ports.js'
import { CKF_SESSION, CKF_TOKEN, CKU, type Cryptoki, type CryptokiMaker, type Handle } from './cryptoki.js'
import { explainError, explainErrors, returnValue, type Subject, UNLOCK } from './errors.js'
import { type Module, openModule } from './module.js'
import { chooseToken, type Token, tokenIn, tokenName } from './token.js'

/** A token with one logged-in session, for a whole command. */
export interface OpenToken {
  readonly modulePath: string
  readonly initArgs: string
  readonly token: Token
  /** The name in messages: label, model and serial. */
  readonly name: string
  readonly cryptoki: Cryptoki
  readonly session: Handle
  /** Supported mechanisms (CKM_…). */
  readonly mechanisms: ReadonlySet<number>
  /** Opens another session, which shares the login (PKCS#11, 5.6). It ends with the module. Throws ERR_HSM_TOKEN. */
  openSession(): Handle
  /** Logs in again for one use of a key with CKA_ALWAYS_AUTHENTICATE (PKCS#11, 5.6.9 C_Login). */
  authenticate(session: Handle): void
  /**
   * Closes the session, and logs out and closes the module, unless another part of the process was there before. Never throws; a
   * second call does nothing.
   */
  close(): void
}

/** Receives notes and warnings while a token is opened. */
export interface TokenProgress {
  note(text: string): void
  warn(text: string): void
}

/**
 * Loads the module, finds the token, and logs in. The PIN is tried only once.
 *
 * @param hasThreads whether several threads will use the token at once
 * @throws FpkiError ERR_HSM_MODULE, ERR_HSM_TOKEN, ERR_HSM_PIN
 */
export async function openToken(
  choice: HsmChoice,
  login: TokenLogin,
  progress: TokenProgress,
  make?: CryptokiMaker,
  hasThreads = false,
): Promise<OpenToken> {
  const module = await openModule(choice.module, choice.initArgs, make, hasThreads)
  try {
    return await logIn(module, choice.token, login, progress)
  } catch (error) {
    module.close()
    throw error
  }
}

async function logIn(
  module: Module,
  choice: TokenChoice,
  login: TokenLogin,
  progress: TokenProgress,
): Promise<OpenToken> {
  const { cryptoki } = module
  const token = chooseToken(module, choice, progress.note)
  const name = `The token ${tokenName(token)}`
  const has = (flag: number) => (token.flags & flag) !== 0
  const withoutPin = login.keypad || !has(CKF_TOKEN.loginRequired)
  if (has(CKF_TOKEN.loginRequired)) checkPinFlags(token, login, progress)
  if (login.keypad && !has(CKF_TOKEN.protectedAuthenticationPath)) throw noKeypad(name)
  const pin = withoutPin ? '' : await login.pin(tokenName(token))
  const access = CKF_SESSION.serial | (has(CKF_TOKEN.writeProtected) ? 0 : CKF_SESSION.readWrite)
  const subject = { name, modulePath: module.path, initArgs: module.initArgs, token }
  const session = explainErrors(subject, () => cryptoki.C_OpenSession(token.slot, access))
  if (login.keypad) progress.note(`enter the PIN on the keypad of the token ${tokenName(token)}.`)
  const isLogin = has(CKF_TOKEN.loginRequired) && tryPin(module, subject, { session, pin })
  const mechanisms = new Set(explainErrors(subject, () => cryptoki.C_GetMechanismList(token.slot)))
  let open = true
  return {
    ...subject,
    token,
    cryptoki,
    session,
    mechanisms,
    openSession: () => explainErrors(subject, () => cryptoki.C_OpenSession(token.slot, access)),
    authenticate: (one) => explainErrors(subject, () => cryptoki.C_Login(one, CKU.contextSpecific, pin)),
    close: () => {
      if (!open) return
      open = false
      // All sessions of the process share one login (PKCS#11, 5.6): whoever logged in logs out.
      if (isLogin) attempt(() => cryptoki.C_Logout(session))
      attempt(() => cryptoki.C_CloseSession(session))
      module.close()
    },
  }
}

/** A removed token cannot log out; its session has already ended. */
function attempt(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (returnValue(error) === null) throw error
  }
}

/** Checks the PIN flags of the token before spending a try. */
function checkPinFlags({ flags, ...token }: Token, { allowFinalPinTry }: TokenLogin, { warn }: TokenProgress): void {
  const name = `The token ${tokenName(token)}`
  if ((flags & CKF_TOKEN.pinLocked) !== 0) {
    throw pinError(`${name}: the PIN is locked (CKF_USER_PIN_LOCKED).`, UNLOCK)
  }
  if ((flags & CKF_TOKEN.pinToBeChanged) !== 0) {
    const hint = "Change it with the vendor's tool, then run the same command again."
    throw pinError(`${name}: the PIN must be changed before first use (CKF_USER_PIN_TO_BE_CHANGED).`, hint)
  }
  if ((flags & CKF_TOKEN.pinFinalTry) !== 0) {
    const text = `${name} has one PIN try left (CKF_USER_PIN_FINAL_TRY)`
    const hint = 'A wrong PIN locks the token. To use the last try, add --hsm-allow-final-pin-try.'
    if (!allowFinalPinTry) throw pinError(`${text}; the PIN was not tried.`, hint)
    warn(`${text}.`)
  } else if ((flags & CKF_TOKEN.pinCountLow) !== 0) {
    warn(`${name} has few PIN tries left (CKF_USER_PIN_COUNT_LOW).`)
  }
}

interface Login {
  readonly session: Handle
  readonly pin: string
}

/** False when another part of the process has logged in. */
function tryPin(module: Module, subject: Subject & { readonly token: Token }, { session, pin }: Login): boolean {
  try {
    module.cryptoki.C_Login(session, CKU.user, pin)
    return true
  } catch (error) {
    const returned = returnValue(error)
    if (returned === 'CKR_USER_ALREADY_LOGGED_IN') return false
    throw returned === 'CKR_PIN_INCORRECT'
      ? wrongPin(module, subject.token, subject.name)
      : explainError(error, subject)
  }
}

/** The error for a wrong PIN, with the remaining tries as far as the flags show them. */
function wrongPin(module: Module, token: Token, name: string): FpkiError {
  const flags = tokenIn(module, token.slot)?.flags ?? 0
  const text = `${name}: wrong PIN (CKR_PIN_INCORRECT)`
  if ((flags & CKF_TOKEN.pinLocked) !== 0) return pinError(`${text}; the PIN is now locked.`, UNLOCK)
  const left =
    (flags & CKF_TOKEN.pinFinalTry) !== 0
      ? '; one try is left'
      : (flags & CKF_TOKEN.pinCountLow) !== 0
        ? '; few tries are left'
        : ''
  return pinError(`${text}${left}.`, 'Verify the PIN before you try again: tokens lock after a few failures.')
}

function noKeypad(name: string): FpkiError {
  return pinError(`${name} has no keypad.`, 'Omit --hsm-pinpad, and pass the PIN with --hsm-pin-file.')
}

function pinError(message: string, hint: string): FpkiError {
  return new FpkiError('ERR_HSM_PIN', message, hint)
}
