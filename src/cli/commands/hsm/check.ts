import { thisMachine } from '../../../machine/index.js'
import { checkHsm } from '../../../operations/hsm/check-hsm.js'
import type { Curve } from '../../../ports.js'
import { requiredHsm } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `hsm check`. */
export interface HsmCheckFlags extends CommonFlags, HsmFlags {
  readonly keyType?: Curve
}

/** `fpki hsm check` */
export async function check(flags: HsmCheckFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const { hsm, access } = await requiredHsm(flags, io, progress)
  const isSilent = flags.json === true || flags.quiet === true
  const works = (text: string) => isSilent || printText(io, `ok: ${printable(text)}\n`)
  const lacks = (text: string) => isSilent || printText(io, `missing: ${printable(text)}\n`)
  const ports = {
    ...progress,
    login: access.login,
    random: thisMachine(io.machine).random,
    works: (text: string) => void works(text),
    lacks: (text: string) => void lacks(text),
  }
  const checked = await checkHsm({ hsm, curve: flags.keyType ?? 'P-256' }, ports)
  if (flags.json) return printJson(io, checked)
  if (isSilent) return
  const verdict = checked.rootKeyIsThere
    ? 'This token supports a root key, and already contains one.'
    : 'This token supports a root key.'
  io.stdout(`${verdict}\n`)
}
