import { FpkiError } from '../../../errors.js'
import { rfc3339 } from '../../../pki/describe.js'
import { DEVICE } from '../../../pki/profiles.js'
import { type Validity, validityFrom } from '../../../pki/validity.js'
import { anotherCa, type DeviceIssuer } from '../open-issuer.js'
import type { IssueBatch, IssueBatchPorts } from './terms.js'

/** A certificate may be some minutes older than its dates: they begin an hour early (docs/profile.md#validity). */
const DATES_LAST = 10 * 60_000

/**
 * The dates of new certificates, which a long run renews. Warns once when the CA expires before the days that were asked for.
 * What it returns throws ERR_CLOCK when the CA has expired.
 */
export function validityOf(
  { directory, days, issuer }: Pick<IssueBatch, 'directory' | 'days' | 'issuer'>,
  { clock, progress }: Pick<IssueBatchPorts, 'clock' | 'progress'>,
): () => Validity {
  let current: { readonly validity: Validity; readonly at: number } | null = null
  return () => {
    const now = clock()
    if (now >= issuer.ca.notAfter) throw expired(issuer, directory)
    if (current !== null && now.getTime() - current.at < DATES_LAST) return current.validity
    const validity = validityFrom(now, days === null ? DEVICE.years : { days }, issuer.ca)
    if (current === null && days !== null && validity.capped) progress.warn(capped(issuer, validity))
    current = { validity, at: now.getTime() }
    return validity
  }
}

function capped({ ca, file }: DeviceIssuer, { notAfter }: Validity): string {
  return `New certificates expire with ${file} on ${rfc3339(notAfter ?? ca.notAfter)}, before the requested validity ends.`
}

function expired({ file, ca }: DeviceIssuer, directory: string): FpkiError {
  const hint = `Create another device CA with ${anotherCa(directory)}.`
  return new FpkiError('ERR_CLOCK', `${file} expired on ${rfc3339(ca.notAfter)}.`, hint)
}
