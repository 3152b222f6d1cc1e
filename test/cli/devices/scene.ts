import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDeviceRegister } from '../../../src/devices/open.js'
import {
  ALL_DEVICES,
  DEFAULT_REISSUE_WINDOW,
  type DeviceCertificate,
  type DeviceRegister,
  type LineSettings,
} from '../../../src/devices/register.js'
import { thisMachine } from '../../../src/machine/index.js'
import type { Ended, Start } from '../../support/cli.js'
import { copiedPki, type Made } from '../made.js'

/** A PKI whose devices are issued with requests in a file. */
export interface IssueScene extends Made {
  /** Writes JSON lines to a file, and runs `devices issue` from it. */
  issue(rows: readonly object[], words?: readonly string[], start?: Start): Promise<Issued>
  /** Creates a line; what is left out has no limit. */
  line(name: string, settings: Partial<LineSettings>): Promise<void>
}

/** How a batch ended. */
export interface Issued extends Ended {
  /** Place, code and reason of each refused row. */
  readonly refused: readonly { readonly at: string; readonly code: string; readonly reason: string }[]
}

/** A line without limits, which makes no production devices. */
const UNLIMITED: LineSettings = {
  ...{ ca: null, quota: null, perDay: null, from: null, until: null, hardwareIds: null, group: null },
  allowsProduction: false,
  reissueWindow: DEFAULT_REISSUE_WINDOW,
}

export async function issueScene(pki?: Made): Promise<IssueScene> {
  const made = pki ?? (await copiedPki())
  let runs = 0
  return {
    ...made,
    issue: async (rows, words = [], start = {}) => {
      const run = ++runs
      const [from, refused] = [join(made.home.path, `rows-${run}.jsonl`), join(made.home.path, `refused-${run}.jsonl`)]
      await writeFile(from, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
      const all = ['devices', 'issue', made.directory, '--from', from, '--refused', refused, ...words]
      const ended = await made.home.fpki(all, start)
      const text = await readFile(refused, 'utf8').catch(() => '')
      return {
        ...ended,
        refused: text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
      }
    },
    line: (name, settings) =>
      withRegister(made.directory, async ({ lines }) => {
        await lines.create(name, { ...UNLIMITED, ...settings }, Date.now())
      }),
  }
}

/** What the register of a PKI has, by UUID: the newest certificate of each device. Nothing when there is no register yet. */
export async function registered(directory: string): Promise<ReadonlyMap<string, DeviceCertificate>> {
  const found = new Map<string, DeviceCertificate>()
  if ((await thisMachine().files.kindOf(registerOf(directory))) === null) return found
  await withRegister(directory, async (register) => {
    for await (const one of register.certificates(ALL_DEVICES)) found.set(one.device.uuid, one)
  })
  return found
}

/** Uses the register of a PKI, and creates it when it is missing. */
export async function withRegister<T>(directory: string, work: (register: DeviceRegister) => Promise<T>): Promise<T> {
  const register = await openDeviceRegister({ path: registerOf(directory), create: true }, thisMachine())
  try {
    return await work(register)
  } finally {
    await register.close()
  }
}

export function registerOf(directory: string): string {
  return join(directory, 'devices.sqlite')
}
