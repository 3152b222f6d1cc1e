import type { WireAnswer } from '../../factory/answer.js'

/** A refusal, as every Factory API answers it. */
export function refused(status: number, msg: string): WireAnswer {
  return { status, body: { msg } }
}
