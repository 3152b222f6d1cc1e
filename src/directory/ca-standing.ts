import type { DirectoryState } from './records.js'

/** Whether gateways accept the devices of a CA, as far as the PKI directory knows: a kit knows nothing of it. */
export type CaStanding = 'accepted' | 'disabled' | 'revoked'

/** The standing of the device CA with this serial number. */
export function standingOf(state: DirectoryState | null, serial: bigint): CaStanding {
  if (state?.revokedCaSerials?.includes(String(serial))) return 'revoked'
  return state?.disabledCaSerials?.includes(String(serial)) ? 'disabled' : 'accepted'
}

/** The standing of a device CA that is described as `ca show --json` does. */
export function standingOfShown({
  disabled,
  revoked,
}: {
  readonly disabled: boolean
  readonly revoked: boolean
}): CaStanding {
  return revoked ? 'revoked' : disabled ? 'disabled' : 'accepted'
}
