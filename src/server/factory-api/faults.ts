import { FpkiError } from '../../errors.js'

const KINDS = ['500', '429', 'slow', 'cut-before', 'cut-after', 'html'] as const

/** A fault to inject in place of the regular response. */
export interface Fault {
  readonly kind: (typeof KINDS)[number]
  /** For `slow`: the delay of the response. */
  readonly seconds: number
}

interface FaultRule extends Fault {
  readonly method: string
  /** 1 for the first request of the method; null for every one. */
  readonly nth: number | null
}

/** Returns the fault for the next request with a method; null for none. */
export type Faults = (method: string) => Fault | null

/**
 * Reads `METHOD:NTH:kind` words, `PATCH:2:cut-after` for instance; NTH may be `*`, and `slow` may be followed by `:LIFETIME_SECONDS`.
 * The methods are counted from now on. Throws ERR_USAGE.
 */
export function readFaults(words: readonly string[]): Faults {
  const rules = words.map(readFault)
  const counts = new Map<string, number>()
  return (method) => {
    const nth = (counts.get(method) ?? 0) + 1
    counts.set(method, nth)
    return rules.find((rule) => rule.method === method && (rule.nth === null || rule.nth === nth)) ?? null
  }
}

function readFault(word: string): FaultRule {
  const [, method, nth, name, seconds] =
    /^(GET|POST|PATCH|PUT|DELETE):([1-9]\d{0,5}|\*):([a-z0-9-]+)(?::(\d{1,4}))?$/.exec(word) ?? []
  const kind = KINDS.find((one) => one === name)
  if (method === undefined || kind === undefined || (seconds !== undefined && kind !== 'slow')) {
    const hint = `Use METHOD:NTH:KIND, such as PATCH:2:cut-after, with GET, POST, PATCH, PUT or DELETE; a number or *; ${KINDS.join(', ')}.`
    throw new FpkiError('ERR_USAGE', `Invalid fault: ${JSON.stringify(word)}.`, hint, { option: 'faults' })
  }
  return { method, nth: nth === '*' ? null : Number(nth), kind, seconds: Number(seconds ?? 10) }
}
