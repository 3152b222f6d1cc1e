import { checkSettingName, PLACES, writeOwnConfig } from '../../../config/own.js'
import { asJsonValue } from '../../../config/shown.js'
import { thisMachine } from '../../../machine/index.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** `fpki config set <setting> <value>` */
export async function configSet(setting: string, value: string, flags: CommonFlags, io: Io): Promise<void> {
  const name = checkSettingName(setting)
  const checked = PLACES[name].check(value, `the setting ${name}`)
  const file = await writeOwnConfig(thisMachine(io.machine).files, { env: io.env, home: io.home }, name, checked)
  if (flags.json) printJson(io, { name, value: asJsonValue(name, checked), file })
  else if (!flags.quiet) printText(io, `Set ${name} to ${printable(checked)} in ${printable(file)}\n`)
}
