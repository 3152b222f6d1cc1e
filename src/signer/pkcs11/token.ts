import { FpkiError } from '../../errors.js'
import type { TokenChoice } from '../../ports.js'
import { CKF_TOKEN, type Handle } from './cryptoki.js'
import { explainErrors, returnValue } from './errors.js'
import { type Module, subjectOf } from './module.js'

/** A token in a slot of a module. */
export interface Token {
  readonly slot: Handle
  /** The slot's number in this module, decimal. */
  readonly slotId: string
  readonly label: string
  readonly serial: string
  readonly model: string
  readonly manufacturer: string
  /** CKF_… bits of CK_TOKEN_INFO at the time of reading. */
  readonly flags: number
}

/** The name of a token in messages: label, model and serial. */
export function tokenName({ label, model, serial }: Pick<Token, 'label' | 'model' | 'serial'>): string {
  return `"${label}" (${model || 'no model'}, serial ${serial || 'none'})`
}

/** The tokens in a module's slots, including uninitialized ones. */
export function slotsOf(module: Module): readonly Token[] {
  const { cryptoki } = module
  const slots = explainErrors(subjectOf(module), () => cryptoki.C_GetSlotList(true))
  return slots.flatMap((slot) => tokenIn({ cryptoki }, slot) ?? [])
}

/** The initialized tokens. */
function tokensOf(module: Module): readonly Token[] {
  return slotsOf(module).filter(({ flags }) => (flags & CKF_TOKEN.initialized) !== 0)
}

/** The token in a slot; null when it was removed or is not recognised. */
export function tokenIn({ cryptoki }: Pick<Module, 'cryptoki'>, slot: Handle): Token | null {
  try {
    const info = cryptoki.C_GetTokenInfo(slot)
    return {
      slot,
      slotId: (slot.length === 8 ? slot.readBigUInt64LE() : slot.readUInt32LE()).toString(),
      label: unpadded(info.label),
      serial: unpadded(info.serialNumber),
      model: unpadded(info.model),
      manufacturer: unpadded(info.manufacturerID),
      flags: info.flags,
    }
  } catch (error) {
    if (returnValue(error) === null) throw error
    return null
  }
}

/** Removes padding: spaces or, in some modules, NUL. */
function unpadded(text: string): string {
  return text.replace(/\0.*$/s, '').trimEnd()
}

/**
 * The only token that matches `choice`. A unique prefix of a label matches too, with a note: some software renames tokens to
 * `LABEL (UserPIN)`.
 *
 * @throws FpkiError ERR_HSM_TOKEN, listing the tokens, when none or more than one matches
 */
export function chooseToken(module: Module, choice: TokenChoice, note: (text: string) => void): Token {
  const tokens = tokensOf(module)
  const matching = tokens.filter(
    (token) =>
      fits(choice.serial, token.serial) &&
      fits(choice.model, token.model) &&
      fits(choice.manufacturer, token.manufacturer) &&
      fits(choice.slotId, token.slotId),
  )
  const { label } = choice
  const exact = matching.filter((token) => fits(label, token.label))
  const matches = exact.length > 0 ? exact : matching.filter((token) => token.label.startsWith(label ?? ''))
  const [token, ...more] = matches
  if (token === undefined) throw tokenNotFound(module, choice, tokens)
  if (more.length > 0) throw ambiguousToken(choice, matches)
  if (exact.length === 0) note(`using the token ${tokenName(token)}, whose label starts with "${label}".`)
  return token
}

function fits(expected: string | null, value: string): boolean {
  return expected === null || expected.trimEnd() === value
}

function describeChoice({ label, serial }: TokenChoice): string {
  const parts = [label === null ? [] : [`labelled "${label}"`], serial === null ? [] : [`with serial ${serial}`]].flat()
  return parts.length === 0 ? 'that matches' : parts.join(' ')
}

function tokenNotFound({ path }: Module, choice: TokenChoice, tokens: readonly Token[]): FpkiError {
  const available = tokens.length === 0 ? 'has no tokens' : `has: ${tokens.map(tokenName).join('; ')}`
  return new FpkiError(
    'ERR_HSM_TOKEN',
    `No token ${describeChoice(choice)} found. The module ${path} ${available}.`,
    'Plug the token in, or choose another one with --hsm-token-label. Some modules need a configuration that lists tokens.',
  )
}

function ambiguousToken(choice: TokenChoice, matches: readonly Token[]): FpkiError {
  return new FpkiError(
    'ERR_HSM_TOKEN',
    `Found ${matches.length} tokens ${describeChoice(choice)}: ${matches.map(tokenName).join('; ')}.`,
    'Choose one with --hsm-token-serial.',
  )
}
