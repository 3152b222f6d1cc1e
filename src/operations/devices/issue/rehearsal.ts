import {
  DEFAULT_LINE,
  type DeviceRegister,
  type JobStore,
  type Line,
  type LineStore,
} from '../../../devices/register.js'
import { NEW_LINE } from '../lines/line-settings.js'

/** The part of a device register that a batch uses. */
export type BatchRegister = Pick<DeviceRegister, 'lookUp' | 'commit' | 'abandon' | 'head' | 'close'> & {
  readonly lines: Pick<LineStore, 'get'>
  readonly jobs: JobStore
}

/** Stands in, when nothing is to be recorded, for a register that does not exist yet. */
export function rehearsalRegister(): BatchRegister {
  return {
    lines: { get: async (name) => (name === DEFAULT_LINE ? DEFAULT : null) },
    jobs: { begin: recordsNothing, finish: recordsNothing, list: async () => [] },
    lookUp: async (requests) => requests.map(() => ({ device: null, certificate: null, keyOwner: null })),
    commit: recordsNothing,
    abandon: recordsNothing,
    head: recordsNothing,
    close: async () => undefined,
  }
}

async function recordsNothing(): Promise<never> {
  throw new Error('a rehearsal records nothing')
}

/** As a new register has it. */
const DEFAULT: Line = {
  ...NEW_LINE,
  ...{ name: DEFAULT_LINE, state: 'open', allowsProduction: true },
  ...{ createdAt: 0, issued: 0, day: 0, issuedOnDay: 0 },
}
