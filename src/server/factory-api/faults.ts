import { FpkiError } from '../../errors.js'

const KINDS = ['500', '429', 'slow', 'cut-before', 'cut-after', 'html'] as const

/** What the server does in the place of a decent answer. */
export interface Fault {
  readonly kind: (typeof KINDS)[number]
  /** Of `slow`: how long the answer to work that is done is held back. */
  readonly seconds: number
}

interface FaultRule extends Fault {
  readonly method: string
  /** 1 for the first request of the method; null: every one. */
  readonly nth: number | null
}

/** The fault of each request of the Factory API, in their order; null: none. */
export type Faults = (method: string) => Fault | null

/**
 * Reads `METHOD:NTH:kind` words, `PATCH:2:cut-after` for instance; NTH may be `*`, and `slow` may be followed by `:SECONDS`.
 * The methods are counted from now on. Throws ERR_USAGE.
 */
export function readFaults(words: readonly string[]): Faults {
  const rules = words.map(readFault)
  const seen = new Map<string, number>()
  return (method) => {
    const nth = (seen.get(method) ?? 0) + 1
    seen.set(method, nth)
    return rules.find((rule) => rule.method === method && (rule.nth === null || rule.nth === nth)) ?? null
  }
}

function readFault(word: string): FaultRule {
  const [, method, nth, name, seconds] =
    /^(GET|POST|PATCH):([1-9]\d{0,5}|\*):([a-z0-9-]+)(?::(\d{1,4}))?$/.exec(word) ?? []
  const kind = KINDS.find((one) => one === name)
  if (method === undefined || kind === undefined || (seconds !== undefined && kind !== 'slow')) {
    const hint = `It is METHOD:NTH:KIND, such as PATCH:2:cut-after; GET, POST or PATCH; a number or *; ${KINDS.join(', ')}.`
    throw new FpkiError('ERR_USAGE', `Invalid fault: ${JSON.stringify(word)}.`, hint, { option: 'faults' })
  }
  return { method, nth: nth === '*' ? null : Number(nth), kind, seconds: Number(seconds ?? 10) }
}
