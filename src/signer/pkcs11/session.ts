import { FpkiError } from '../../errors.js'
import type { HsmChoice, TokenChoice, TokenLogin } from '../../ports.js'
import { CKF_SESSION, CKF_TOKEN, CKU, type Cryptoki, type CryptokiMaker, type Handle } from './cryptoki.js'
import { explained, explainedError, returnValue, type Subject } from './errors.js'
import { type Module, openModule } from './module.js'
import { chooseToken, type Token, tokenIn, tokenName } from './token.js'

/** A token with one session, logged in for the whole of a command. */
export interface OpenToken {
  readonly modulePath: string
  readonly initArgs: string
  readonly token: Token
  /** The token in messages: label, model and serial. */
  readonly name: string
  readonly cryptoki: Cryptoki
  readonly session: Handle
  /** The mechanisms that it offers (CKM_…). */
  readonly mechanisms: ReadonlySet<number>
  /** Logs in once more for one use of a key that wants it (CKA_ALWAYS_AUTHENTICATE; PKCS#11, 5.6.9 C_Login). */
  authenticate(): void
  /** Logs out, ends the session and lets go of the module. Never throws; a second time does nothing. */
  close(): void
}

/** What is told while a token is opened. */
export interface TokenTalk {
  note(text: string): void
  warn(text: string): void
}

/**
 * Loads the module, finds the token, and logs in: with one try of the PIN, never more.
 *
 * @throws FpkiError ERR_HSM_MODULE, ERR_HSM_TOKEN, ERR_HSM_PIN
 */
export async function openToken(
  choice: HsmChoice,
  login: TokenLogin,
  talk: TokenTalk,
  make?: CryptokiMaker,
): Promise<OpenToken> {
  const module = await openModule(choice.module, choice.initArgs, make)
  try {
    return await logIn(module, choice.token, login, talk)
  } catch (error) {
    module.close()
    throw error
  }
}

async function logIn(module: Module, choice: TokenChoice, login: TokenLogin, talk: TokenTalk): Promise<OpenToken> {
  const { cryptoki } = module
  const token = chooseToken(module, choice, talk.note)
  const name = `The token ${tokenName(token)}`
  const has = (flag: number) => (token.flags & flag) !== 0
  const withoutPin = login.keypad || !has(CKF_TOKEN.loginRequired)
  if (has(CKF_TOKEN.loginRequired)) checkPinFlags(token, login, talk)
  if (login.keypad && !has(CKF_TOKEN.protectedAuthenticationPath)) throw noKeypad(name)
  const pin = withoutPin ? '' : await login.pin(tokenName(token))
  const access = CKF_SESSION.serial | (has(CKF_TOKEN.writeProtected) ? 0 : CKF_SESSION.readWrite)
  const subject = { name, modulePath: module.path, initArgs: module.initArgs, token }
  const session = explained(subject, () => cryptoki.C_OpenSession(token.slot, access))
  if (login.keypad) talk.note(`type the PIN on the keypad of the token ${tokenName(token)}.`)
  if (has(CKF_TOKEN.loginRequired)) tryPin(module, subject, { session, pin })
  const mechanisms = new Set(explained(subject, () => cryptoki.C_GetMechanismList(token.slot)))
  let open = true
  return {
    ...subject,
    token,
    cryptoki,
    session,
    mechanisms,
    authenticate: () => explained(subject, () => cryptoki.C_Login(session, CKU.contextSpecific, pin)),
    close: () => {
      if (!open) return
      open = false
      attempt(() => cryptoki.C_Logout(session))
      attempt(() => cryptoki.C_CloseSession(session))
      module.close()
    },
  }
}

/** A token that was taken out cannot log out; it has done so already. */
function attempt(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (returnValue(error) === null) throw error
  }
}

/** What the token's flags say of its PIN, before a try is spent. */
function checkPinFlags({ flags, ...token }: Token, { allowFinalPinTry }: TokenLogin, { warn }: TokenTalk): void {
  const name = `The token ${tokenName(token)}`
  if ((flags & CKF_TOKEN.pinLocked) !== 0) {
    throw pinError(`${name}: its PIN is locked (CKF_USER_PIN_LOCKED).`, UNLOCK)
  }
  if ((flags & CKF_TOKEN.pinToBeChanged) !== 0) {
    const hint = "Change it with the tool of the token's maker, then run the same command again."
    throw pinError(`${name}: its PIN must be changed before its first use (CKF_USER_PIN_TO_BE_CHANGED).`, hint)
  }
  if ((flags & CKF_TOKEN.pinFinalTry) !== 0) {
    const text = `${name} has one try of its PIN left (CKF_USER_PIN_FINAL_TRY)`
    const hint = 'Be sure of the PIN, then run the same command with --hsm-allow-final-pin-try; a wrong one locks it.'
    if (!allowFinalPinTry) throw pinError(`${text}; it was not used.`, hint)
    warn(`${text}.`)
  } else if ((flags & CKF_TOKEN.pinCountLow) !== 0) {
    warn(`${name} received a wrong PIN lately; few tries are left (CKF_USER_PIN_COUNT_LOW).`)
  }
}

const UNLOCK = "Unlock it with its SO PIN and the tool of the token's maker."

interface Login {
  readonly session: Handle
  readonly pin: string
}

function tryPin(module: Module, subject: Subject & { readonly token: Token }, { session, pin }: Login): void {
  try {
    module.cryptoki.C_Login(session, CKU.user, pin)
  } catch (error) {
    const code = returnValue(error)
    if (code === 'CKR_USER_ALREADY_LOGGED_IN') return
    throw code === 'CKR_PIN_INCORRECT' ? wrongPin(module, subject.token, subject.name) : explainedError(error, subject)
  }
}

/** Says how many tries are left, as far as the token's flags tell. */
function wrongPin(module: Module, token: Token, name: string): FpkiError {
  const flags = tokenIn(module, token.slot)?.flags ?? 0
  const text = `${name}: the PIN is wrong (CKR_PIN_INCORRECT). It was tried once`
  if ((flags & CKF_TOKEN.pinLocked) !== 0) return pinError(`${text}, and now its PIN is locked.`, UNLOCK)
  const left =
    (flags & CKF_TOKEN.pinFinalTry) !== 0
      ? '; one try is left'
      : (flags & CKF_TOKEN.pinCountLow) !== 0
        ? '; few tries are left'
        : ''
  return pinError(`${text}${left}.`, 'Look it up before you try again: tokens lock after a few wrong ones.')
}

function noKeypad(name: string): FpkiError {
  return pinError(`${name} has no keypad of its own.`, 'Leave --hsm-pinpad out, and give the PIN with --hsm-pin-file.')
}

function pinError(message: string, hint: string): FpkiError {
  return new FpkiError('ERR_HSM_PIN', message, hint)
}
