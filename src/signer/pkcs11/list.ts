import type { ModuleChoice } from '../../ports.js'
import { CKF_TOKEN } from './cryptoki.js'
import { withModule } from './module.js'
import { slotsOf, type Token } from './token.js'

/** The states of a token's PIN. */
export const TOKEN_STATES = [
  'ready',
  'few PIN tries left',
  'one PIN try left',
  'PIN locked',
  'PIN must be changed',
] as const

/** A token in a list. */
interface ListedToken {
  readonly label: string
  readonly model: string
  readonly serial: string
  readonly manufacturer: string
  /** Decimal. */
  readonly slotId: string
  readonly state: (typeof TOKEN_STATES)[number]
}

/** Lists the tokens of a module. Throws an FpkiError ERR_HSM_…. */
export type TokenLister = (choice: ModuleChoice) => Promise<readonly ListedToken[]>

/** Lists the tokens of a module loaded into this process, which does not survive a crash of the module. */
export const listHere: TokenLister = (choice) => withModule(choice, (open) => slotsOf(open).filter(isSetUp).map(listed))

/** SoftHSM and opencryptoki also report uninitialized tokens, which have no label. */
function isSetUp({ flags, label }: Token): boolean {
  return (flags & CKF_TOKEN.initialized) !== 0 && label !== ''
}

function listed({ slotId, label, model, serial, manufacturer, flags }: Token): ListedToken {
  return { label, model, serial, manufacturer, slotId, state: stateOf(flags) }
}

function stateOf(flags: number): ListedToken['state'] {
  if ((flags & CKF_TOKEN.pinLocked) !== 0) return 'PIN locked'
  if ((flags & CKF_TOKEN.pinToBeChanged) !== 0) return 'PIN must be changed'
  if ((flags & CKF_TOKEN.pinFinalTry) !== 0) return 'one PIN try left'
  return (flags & CKF_TOKEN.pinCountLow) !== 0 ? 'few PIN tries left' : 'ready'
}
