// A separate program (scripts/build.mjs), which list-in-child.ts starts for each module.
import { writeSync } from 'node:fs'
import { FpkiError } from '../../errors.js'
import { listHere } from './list.js'
import { ANSWER_FD } from './list-answer.js'

/** Other errors than FpkiError are bugs, for which Node exits with status 1. */
async function answer(): Promise<object> {
  const { FPKI_HSM_MODULE: module = '', FPKI_HSM_INIT_ARGS: initArgs = '' } = process.env
  try {
    return { tokens: await listHere({ module, initArgs }) }
  } catch (error) {
    if (!(error instanceof FpkiError)) throw error
    const { code, message, hint } = error
    return { error: { code, message, hint } }
  }
}

writeSync(ANSWER_FD, JSON.stringify(await answer()))
