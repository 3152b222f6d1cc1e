import { DAY } from '../../day.js'
import type { DeviceRegister } from '../../devices/register.js'
import { FpkiError, type FpkiOption } from '../../errors.js'
import type { DurableFiles } from '../../ports.js'
import { type OpenPki, openPki } from '../open-pki.js'
import { withAccessAskingOnce } from '../registration/remembered-secrets.js'
import type { OcspService } from './model.js'
import { type OcspIssuerPorts, openOcspIssuers } from './open-issuers.js'
import { ocspService } from './service.js'
import { statusesIn } from './statuses.js'

/** Options of the OCSP service. */
export interface OcspOptions {
  /** Absolute path of the PKI directory or kit. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** How long answers are valid, in milliseconds. */
  readonly validity: number
}

/** Ports of the OCSP service. */
export interface OcspPorts extends OcspIssuerPorts {
  readonly files: DurableFiles
  /** It stays open when the service is closed. */
  readonly register: Pick<DeviceRegister, 'statuses'>
}

/** How long answers are valid when nobody chose: one hour, in milliseconds. */
export const OCSP_VALIDITY = 3_600_000

/** The shortest and the longest validity, in milliseconds: clocks differ, and a responder has a certificate of 30 days. */
const VALIDITIES = { least: 60_000, most: 10 * DAY }

/**
 * Opens the OCSP service of a PKI directory or kit, for all its local CAs. Their keys are opened for one signature each, so that
 * passphrases and PINs are asked for now, and remembered for renewals.
 *
 * @throws FpkiError ERR_USAGE for a validity that is too short or too long; as openPki and openOcspIssuers
 */
export async function openOcsp(options: OcspOptions, ports: OcspPorts): Promise<OcspService> {
  const pki = await openPki(ports.files, options.directory, options.factory)
  return ocspOn({ pki, register: ports.register }, options.validity, withAccessAskingOnce(ports))
}

/**
 * The OCSP service on what is open; it closes nothing of that. Throws as {@link openOcsp}.
 *
 * @param validity in milliseconds
 */
export async function ocspOn(
  { pki, register }: { readonly pki: OpenPki } & Pick<OcspPorts, 'register'>,
  validity: number,
  ports: OcspIssuerPorts,
): Promise<OcspService> {
  checkValidity(validity, 'ocspValidity')
  const issuers = await openOcspIssuers(pki, null, ports)
  const { clock, progress } = ports
  const statuses = statusesIn(register, clock)
  return ocspService(validity, { issuers, statuses, clock, progress, close: issuers.close })
}

/** Throws ERR_USAGE. */
export function checkValidity(validity: number, option: FpkiOption): void {
  if (validity >= VALIDITIES.least && validity <= VALIDITIES.most) return
  throw new FpkiError(
    'ERR_USAGE',
    'OCSP answers must be valid for at least one minute and at most ten days.',
    'Give a duration such as 1h or 7d.',
    { option },
  )
}
