import { join } from 'node:path'
import {
  DEFAULT_LINE,
  type DeviceRegister,
  type JobStore,
  type Line,
  type LineStore,
} from '../../../devices/register.js'
import type { InputFiles } from '../../../storage/input-files.js'
import { NEW_LINE } from '../lines/line-settings.js'
import type { DeviceOutput } from '../model.js'
import { keySpki, MAX_KEY_BYTES } from '../output/key-folders.js'
import { KEY } from '../output/sota-files.js'

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

/** Stands in for a folder with the keys of devices: finds those that are there, and writes nothing. */
export function rehearsalKeys(folder: string, { read, kindOf }: Pick<InputFiles, 'read' | 'kindOf'>): DeviceOutput {
  return {
    keys: {
      read: async (uuid) => {
        const content = read(folder, `${uuid}/${KEY}`, MAX_KEY_BYTES)
        return 'problem' in content ? null : keySpki(Buffer.from(content).toString(), `${folder}/${uuid}/${KEY}`)
      },
      has: async (uuid) => kindOf(join(folder, uuid)) !== null,
      write: recordsNothing,
    },
    write: async () => undefined,
    finish: async () => undefined,
    stop: async () => undefined,
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
