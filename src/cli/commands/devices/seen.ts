import { counted } from '../../../counted.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import { type SeenDevicesResult, seenDevices } from '../../../operations/devices/seen/seen-devices.js'
import { filePath, resolved } from '../../directory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices seen`. */
export interface SeenFlags extends CommonFlags {
  readonly from: string
  readonly store?: string
}

/** `fpki devices seen <directory> --from <log>` */
export async function seen(directory: string, flags: SeenFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const { from } = flags
  const choice = { directory: resolved(directory, io), store: storeOf(flags, io) }
  const result = await seenDevices(
    { ...choice, from: from === '-' ? null : filePath(from, io) },
    {
      ...machine,
      inputFiles: deviceFiles(machine).inputFiles,
      ...{ stdin: io.stdin, isStdinTerminal: io.terminal.stdin === true, signal: io.signal },
    },
  )
  if (flags.json) return printJson(io, result)
  for (const line of report(result)) progressOn(io, flags).note(line)
}

function report({ lines, unreadable, certificates, unknown, first, superseded }: SeenDevicesResult): readonly string[] {
  return [
    `Read ${counted(lines, 'line')} with ${counted(certificates, 'certificate')}; unknown or expired: ${unknown}.`,
    ...(unreadable > 0 ? [`Lines without a serial number or fingerprint: ${unreadable}.`] : []),
    `Seen for the first time: ${first}. Older certificates that ended with that: ${superseded}.`,
  ]
}
