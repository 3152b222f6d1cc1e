import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ALL_DEVICES, type DeviceCertificate, type LineSettings } from '../../../src/devices/register.js'
import { thisMachine } from '../../../src/machine/index.js'
import type { Ended, Start } from '../../support/cli.js'
import { registerOf, UNLIMITED, withRegister } from '../../support/device-register.js'
import { copiedPki, type Made } from '../made.js'

export { registerOf, withRegister } from '../../support/device-register.js'

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
        await lines.create(name, { ...UNLIMITED, allowsProduction: false, ...settings }, Date.now())
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
