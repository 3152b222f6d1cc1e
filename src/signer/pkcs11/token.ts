import { FpkiError } from '../../errors.js'
import type { TokenChoice } from '../../ports.js'
import { CKF_TOKEN, type Handle } from './cryptoki.js'
import { explained, returnValue } from './errors.js'
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
  /** CKF_… bits of CK_TOKEN_INFO, as they were when it was looked at. */
  readonly flags: number
}

/** What people see of a token in a message: label, model and serial, never more. */
export function tokenName({ label, model, serial }: Pick<Token, 'label' | 'model' | 'serial'>): string {
  return `"${label}" (${model || 'no model'}, serial ${serial || 'none'})`
}

/** The tokens in a module's slots now; also those that nobody has set up. */
export function slotsOf(module: Module): readonly Token[] {
  const { cryptoki } = module
  const slots = explained(subjectOf(module), () => cryptoki.C_GetSlotList(true))
  return slots.flatMap((slot) => tokenIn({ cryptoki }, slot) ?? [])
}

/** The tokens that can be chosen. */
function tokensOf(module: Module): readonly Token[] {
  return slotsOf(module).filter(({ flags }) => (flags & CKF_TOKEN.initialized) !== 0)
}

/** The token in a slot; null when none is there any more, or it is not one that the module knows. */
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

/** The padding is spaces; some modules end their texts with NUL instead. */
function unpadded(text: string): string {
  return text.replace(/\0.*$/s, '').trimEnd()
}

/**
 * The one token that is meant. A label that is only the beginning of one token's label is taken, and said: some tokens
 * are renamed to `LABEL (UserPIN)` by their software.
 *
 * @throws FpkiError ERR_HSM_TOKEN, which lists the tokens, when none fits or more than one does
 */
export function chooseToken(module: Module, wanted: TokenChoice, note: (text: string) => void): Token {
  const tokens = tokensOf(module)
  const others = tokens.filter(
    (token) =>
      fits(wanted.serial, token.serial) &&
      fits(wanted.model, token.model) &&
      fits(wanted.manufacturer, token.manufacturer) &&
      fits(wanted.slotId, token.slotId),
  )
  const { label } = wanted
  const exact = others.filter((token) => fits(label, token.label))
  const matches = exact.length > 0 ? exact : others.filter((token) => token.label.startsWith(label ?? ''))
  const [token, ...more] = matches
  if (token === undefined) throw noToken(module, wanted, tokens)
  if (more.length > 0) throw severalTokens(wanted, matches)
  if (exact.length === 0) note(`the token is named ${tokenName(token)}; its label begins with "${label}".`)
  return token
}

function fits(wanted: string | null, value: string): boolean {
  return wanted === null || wanted.trimEnd() === value
}

function wantedName({ label, serial }: TokenChoice): string {
  const parts = [label === null ? [] : [`labelled "${label}"`], serial === null ? [] : [`with serial ${serial}`]].flat()
  return parts.length === 0 ? 'that fits' : parts.join(' ')
}

function noToken({ path }: Module, wanted: TokenChoice, tokens: readonly Token[]): FpkiError {
  const there = tokens.length === 0 ? 'no token at all' : tokens.map(tokenName).join('; ')
  return new FpkiError(
    'ERR_HSM_TOKEN',
    `There is no token ${wantedName(wanted)}. The module ${path} shows: ${there}.`,
    'Plug it in, or name another one with --hsm-token-label; a module may read a configuration that names its tokens.',
  )
}

function severalTokens(wanted: TokenChoice, matches: readonly Token[]): FpkiError {
  return new FpkiError(
    'ERR_HSM_TOKEN',
    `${matches.length} tokens are ${wantedName(wanted)}: ${matches.map(tokenName).join('; ')}.`,
    'Say which one with --hsm-token-serial.',
  )
}
