import type { Line } from '../../devices/register.js'
import { FpkiError } from '../../errors.js'
import { directoryWords, type RegisterChoice } from '../devices/open-register.js'
import { availabilityOf } from '../registration/availability.js'
import { credentialsIn } from '../registration/credentials.js'
import type { ServiceRegister } from '../registration/issuing-thread/calls.js'
import type { OpenDevices } from '../registration/open-devices.js'
import type { DeviceServiceOptions, DeviceServicePorts } from '../registration/options.js'
import { deviceCasOf } from './device-cas.js'
import type { RenewalService } from './model.js'
import type { RenewalTerms } from './options.js'
import { renewalService } from './service.js'
import { isWanted } from './wanted-lines.js'

/**
 * The lines whose devices are renewed: all, whatever state they are in, or the named one. Throws ERR_LINE when there is no such
 * line.
 */
export async function renewedLines(
  register: Pick<ServiceRegister, 'lines'> | null,
  { line: only }: Pick<RenewalTerms, 'line'>,
  choice: RegisterChoice,
): Promise<readonly Line[]> {
  const lines = (await register?.lines.list()) ?? []
  const served = lines.filter(({ name }) => isWanted(name, [only]))
  if (served.length > 0) return served
  throw new FpkiError(
    'ERR_LINE',
    only === null ? 'The device register has no lines.' : `There is no line ${JSON.stringify(only)}.`,
    `The lines: \`fpki lines list ${directoryWords(choice)}\`.`,
    { option: 'line' },
  )
}

/** The renewal service on what is open; it closes nothing of that. */
export function renewalOn(
  { pki, register, issuers }: Pick<OpenDevices, 'pki' | 'register' | 'issuers'>,
  options: Pick<DeviceServiceOptions, 'directory' | 'days'> & { readonly announce: boolean },
  terms: RenewalTerms,
  { clock, progress }: Pick<DeviceServicePorts, 'clock' | 'progress'>,
): RenewalService {
  const usable = ({ name }: Line) => isWanted(name, [terms.line])
  const { factory, root } = pki
  const { directory, days, announce } = options
  return renewalService(
    { terms, root, registration: { directory, factory, days, announce } },
    {
      ...{ clock, progress, register, issuers },
      cas: deviceCasOf(pki, clock),
      credentials: credentialsIn(register.credentials, clock),
      availability: availabilityOf({ usable, noLine: 'there is no line' }, { register, issuers, clock, progress }),
    },
  )
}
