import { checkSettingName, writeOwnConfig } from '../../../config/own.js'
import { thisMachine } from '../../../machine/index.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** `fpki config unset <setting>` */
export async function configUnset(setting: string, flags: CommonFlags, io: Io): Promise<void> {
  const name = checkSettingName(setting)
  const file = await writeOwnConfig(thisMachine(io.machine).files, { env: io.env, home: io.home }, name, null)
  if (flags.json) printJson(io, { name, value: null, file })
  else if (!flags.quiet) printText(io, `Unset ${name} in ${printable(file)}\n`)
}
