import * as z from 'zod/mini'
import { serialToHex } from '../serial-hex.js'
import { CRL_REASONS } from './crl.js'
import { rfc3339 } from './describe.js'
import { formatName } from './name.js'
import { encodePem } from './pem.js'
import type { Crl } from './read-crl.js'

/** A CRL for people, JSON and reports (docs/profile.md#output). */
export const crlFacts = z.strictObject({
  issuer: z.string(),
  /** Decimal. */
  crlNumber: z.nullable(z.string()),
  thisUpdate: z.string(),
  nextUpdate: z.nullable(z.string()),
  entries: z.array(
    z.strictObject({
      /** Decimal. */
      serial: z.string(),
      /** Colon-separated upper-case hex, as OpenSSL prints it. */
      serialHex: z.string(),
      revocationDate: z.string(),
      /** Its name when the Factory API acts on it, otherwise its number (RFC 5280, 5.3.1). */
      reason: z.nullable(z.string()),
    }),
  ),
  pem: z.string(),
})

/** See {@link crlFacts}. */
export type CrlFacts = z.infer<typeof crlFacts>

const REASON_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CRL_REASONS).map(([name, code]) => [code, name]),
)

/** The facts of a CRL. */
export function describeCrl({ issuer, crlNumber, thisUpdate, nextUpdate, entries, der }: Crl): CrlFacts {
  return {
    issuer: formatName(issuer),
    crlNumber: crlNumber?.toString() ?? null,
    thisUpdate: rfc3339(thisUpdate),
    nextUpdate: nextUpdate === null ? null : rfc3339(nextUpdate),
    entries: entries.map(({ serialNumber, revocationDate, reasonCode }) => ({
      serial: serialNumber.toString(),
      serialHex: serialToHex(serialNumber),
      revocationDate: rfc3339(revocationDate),
      reason: reasonCode === null ? null : (REASON_NAMES.get(reasonCode) ?? String(reasonCode)),
    })),
    pem: encodePem('X509 CRL', der),
  }
}
