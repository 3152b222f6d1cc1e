import { createHash } from 'node:crypto'
import type { CheckedOctets, Curve } from '../ports.js'
import { CRL_EXTENSIONS, readStrictly, refuseDifferences } from './crl-profile.js'
import { type Der, eachMember, parseDer } from './der.js'
import { sameName } from './name.js'
import { sameOctets } from './octets.js'
import type { Certificate } from './read-certificate.js'
import { readEntry, readTbsCrlHead } from './read-crl.js'
import { sameTime } from './rules.js'
import { ECDSA_OF_CURVE } from './signature.js'
import { issuerKeyIdentifier } from './template.js'

/** The contents of a new CRL of a device CA (RFC 5280, 5), without its entries. */
export interface DeviceCrlTemplate {
  readonly issuer: Certificate
  /** Positive; more than the previous CRL's. */
  readonly crlNumber: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** A certificate that a CRL revokes. */
export interface RevokedEntry {
  readonly serialNumber: bigint
  readonly revocationDate: Date
  /** RFC 5280, 5.3.1; 0 (unspecified) is left out of the CRL. */
  readonly reason: number
}

/** What stands for many entries: how many there are, and a hash of all of them in order. */
export interface EntriesDigest {
  readonly count: number
  /** Hex. */
  readonly digest: string
}

/** Makes an {@link EntriesDigest} of one entry after the other. */
export function entriesDigest(): { add(entry: RevokedEntry): void; result(): EntriesDigest } {
  const hash = createHash('sha256')
  let count = 0
  return {
    add: ({ serialNumber, revocationDate, reason }) => {
      hash.update(`${serialNumber.toString(16)} ${Math.floor(revocationDate.getTime() / 1000)} ${reason}\n`)
      count++
    },
    result: () => ({ count, digest: hash.digest('hex') }),
  }
}

/**
 * Checks a TBSCertList (DER) of a device CA against its template and entries, with fpki's own strict parser. A million entries
 * are read one after the other.
 *
 * @param curve the curve of the signing key
 * @throws FpkiError ERR_PROFILE, naming the fields that differ
 */
export function checkTbsDeviceCrl(
  der: Uint8Array,
  template: DeviceCrlTemplate,
  entries: EntriesDigest,
  curve: Curve,
): CheckedOctets {
  const { list, ...crl } = readStrictly(() => readTbsCrlHead(parseDer(der)))
  const read = readStrictly(() => readAll(list))
  const { issuer, crlNumber, thisUpdate, nextUpdate } = template
  refuseDifferences({
    version: crl.version !== 2,
    algorithm: crl.algorithm !== ECDSA_OF_CURVE[curve],
    issuer: !sameName(crl.issuer, issuer.subject),
    thisUpdate: !sameTime(crl.thisUpdate, thisUpdate),
    nextUpdate: crl.nextUpdate === null || !sameTime(crl.nextUpdate, nextUpdate) || nextUpdate <= thisUpdate,
    entries: read.count !== entries.count || read.digest !== entries.digest,
    extensions: crl.extensions.map(({ type }) => type).join() !== CRL_EXTENSIONS,
    crlNumber: crl.crlNumber !== crlNumber || crlNumber < 1n,
    authorityKeyIdentifier: !sameOctets(crl.authorityKeyIdentifier, issuerKeyIdentifier({ ...issuer, issuer })),
  })
  return der as CheckedOctets
}

function readAll(list: Der | undefined): EntriesDigest {
  const digest = entriesDigest()
  const serials = new Set<string>()
  for (const member of list === undefined ? [] : eachMember(list)) {
    const { serialNumber, revocationDate, reasonCode } = readEntry(member).entry
    const serial = serialNumber.toString(16)
    if (serialNumber < 0n || serials.has(serial)) throw new Error('a serial number is negative, or listed twice')
    serials.add(serial)
    digest.add({ serialNumber, revocationDate, reason: reasonCode ?? 0 })
  }
  // RFC 5280, 5.1.2.6: without entries, there is no list.
  if (list !== undefined && serials.size === 0) throw new Error('its list of certificates is empty')
  return digest.result()
}
