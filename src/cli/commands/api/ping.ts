import { FpkiError } from '../../../errors.js'
import { embeddedFactoriesOn, thisMachine } from '../../../machine/index.js'
import type { Machine } from '../../../machine/machine.js'
import { type PingApiResult, pingApi } from '../../../operations/api/ping-api.js'
import { type ChosenFactory, factoryApiFor } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** `fpki api ping` */
export async function ping(flags: CommonFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const chosen = await factoryApiFor(flags, io, machine, { changes: false })
  await requireExisting(chosen, machine)
  const pinged = await pingApi({ factory: chosen.factory }, { ...machine, api: chosen.api })
  if (flags.json) printJson(io, pinged)
  else printText(io, asText(pinged))
}

/** A request to the embedded API would create a factory that does not exist. */
async function requireExisting({ factory, stateDirectory }: ChosenFactory, machine: Machine): Promise<void> {
  if (stateDirectory === null || (await embeddedFactoriesOn({ stateDirectory }, machine)).includes(factory)) return
  const hint = 'Create its PKI with `fpki ca create /absolute/path`, or choose another factory with --factory.'
  throw new FpkiError('ERR_NOT_INITIALIZED', `The embedded Factory API has no factory ${factory}.`, hint)
}

function asText({ api, factory, user, isSet, milliseconds }: PingApiResult): string {
  const rows = [
    ['Factory API', api],
    ['factory', factory],
    ['user', `${user.name} (${user.polisId})`],
    ['PKI', isSet ? 'root of trust is set' : 'not set'],
    ['response', `${milliseconds} ms`],
  ] as const
  return rows.map(([name, value]) => `${name.padEnd(13)}${printable(value)}\n`).join('')
}
