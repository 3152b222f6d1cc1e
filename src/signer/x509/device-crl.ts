import { FpkiError } from '../../errors.js'
import {
  checkTbsDeviceCrl,
  type DeviceCrlTemplate,
  entriesDigest,
  type RevokedEntry,
} from '../../pki/check-device-crl.js'
import { TAG } from '../../pki/der.js'
import { bitString, der, explicit, integer, objectIdentifier, octetString, sequence } from '../../pki/der-write.js'
import { type OidName, oid } from '../../pki/oids.js'
import { ECDSA_OF_CURVE, isSignedBy } from '../../pki/signature.js'
import { issuerKeyIdentifier } from '../../pki/template.js'
import type { Signer } from '../../ports.js'
import { evenHex } from '../../serial-hex.js'

/** A new CRL of a device CA. */
export interface DeviceCrlOrder extends DeviceCrlTemplate {
  /** Each serial number once. */
  readonly entries: AsyncIterable<RevokedEntry>
}

/**
 * Issues a CRL of a device CA (RFC 5280, 5): version 2, with the reason of each entry, authorityKeyIdentifier and cRLNumber. A
 * million entries are encoded one after the other, which a library of objects could not do in the memory of a small machine.
 *
 * @returns DER, whose signature OpenSSL has verified, and how many entries it has
 * @throws FpkiError ERR_PROFILE before signing, when the encoding does not match; ERR_SIGNATURE when the signature does not
 *   verify with the issuer's key
 */
export async function signDeviceCrl(
  { entries, ...template }: DeviceCrlOrder,
  signer: Signer,
): Promise<{ readonly der: Uint8Array; readonly entries: number }> {
  const { issuer, crlNumber, thisUpdate, nextUpdate } = template
  const { curve } = signer.algorithm
  const name = ECDSA_OF_CURVE[curve]
  const algorithm = sequence(identifier(name))
  const digest = entriesDigest()
  const list = await encoded(entries, digest.add)
  const tbs = sequence(
    integer(Uint8Array.of(1)),
    algorithm,
    issuer.subject.der,
    time(thisUpdate),
    time(nextUpdate),
    // RFC 5280, 5.1.2.6: absent when there are none.
    list.length === 0 ? list : der(TAG.sequence, list),
    explicit(
      0,
      sequence(
        extension('authorityKeyIdentifier', sequence(der(0x80, issuerKeyIdentifier({ ...issuer, issuer })))),
        extension('cRLNumber', integer(octetsOf(crlNumber))),
      ),
    ),
  )
  const all = digest.result()
  const checked = checkTbsDeviceCrl(tbs, template, all, curve)
  const signature = await signer.sign(checked)
  if (!isSignedBy({ tbs, algorithm: name, signature }, issuer.publicKey)) throw badSignature()
  return { der: sequence(tbs, algorithm, bitString(signature)), entries: all.count }
}

/** So many are put together at a time: neither one allocation for each entry is kept, nor are all of them copied each time. */
const ENTRIES_AT_ONCE = 1000

async function encoded(entries: AsyncIterable<RevokedEntry>, note: (entry: RevokedEntry) => void): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let some: Uint8Array[] = []
  for await (const entry of entries) {
    note(entry)
    some.push(entryOf(entry))
    if (some.length < ENTRIES_AT_ONCE) continue
    parts.push(Buffer.concat(some))
    some = []
  }
  return Buffer.concat([...parts, ...some])
}

/** RFC 5280, 5.3.1: the reason `unspecified` is left out. */
function entryOf({ serialNumber, revocationDate, reason }: RevokedEntry): Uint8Array {
  const head = [integer(octetsOf(serialNumber)), time(revocationDate)]
  if (reason === 0) return sequence(...head)
  return sequence(...head, sequence(extension('reasonCode', der(TAG.enumerated, Uint8Array.of(reason)))))
}

function extension(name: OidName, value: Uint8Array): Uint8Array {
  return sequence(identifier(name), octetString(value))
}

const IDENTIFIERS = new Map<OidName, Uint8Array>()

function identifier(name: OidName): Uint8Array {
  const known = IDENTIFIERS.get(name) ?? objectIdentifier(oid(name))
  IDENTIFIERS.set(name, known)
  return known
}

/** RFC 5280, 5.1.2.4: UTCTime through 2049, then GeneralizedTime. */
function time(date: Date): Uint8Array {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  const isUtcTime = date.getUTCFullYear() < 2050
  return der(isUtcTime ? TAG.utcTime : TAG.generalizedTime, Buffer.from(isUtcTime ? digits.slice(2) : digits))
}

function octetsOf(value: bigint): Uint8Array {
  return Buffer.from(evenHex(value), 'hex')
}

function badSignature(): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    "Refusing the new CRL: its signature does not verify with the device CA's key.",
    'Nothing was written. Check that the key file is that of the certificate; restore both from a backup.',
  )
}
