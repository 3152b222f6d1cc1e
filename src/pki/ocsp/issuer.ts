import { hash } from 'node:crypto'
import { parseDer, readOctetBitString, sequenceMembers } from '../der.js'
import type { Certificate } from '../read-certificate.js'
import { CERT_ID_HASHES, type CertId, type CertIdHash } from './request.js'

type Issuer = Pick<Certificate, 'subject' | 'spki'>

/** What a CertID identifies its issuer with, as text; null for a hash that no issuer is known by. */
export function issuerKeyOf({ hash: name, issuerNameHash, issuerKeyHash }: CertId): string | null {
  return name === null ? null : text(name, issuerNameHash, issuerKeyHash)
}

/** The texts that {@link issuerKeyOf} has for the certificates of a CA, one for each hash. */
export function issuerKeys(issuer: Issuer): readonly string[] {
  return (Object.keys(CERT_ID_HASHES) as CertIdHash[]).map((name) => text(name, ...issuerHashes(issuer, name)))
}

/** Hashes of the CA's name (DER) and of its public key bits (RFC 6960, 4.1.1). */
export function issuerHashes({ subject, spki }: Issuer, name: CertIdHash): readonly [Uint8Array, Uint8Array] {
  const [, bits] = sequenceMembers(parseDer(spki), 2)
  const digest = (octets: Uint8Array) => hash(CERT_ID_HASHES[name], octets, 'buffer')
  return [digest(subject.der), digest(readOctetBitString(bits))]
}

function text(name: CertIdHash, nameHash: Uint8Array, keyHash: Uint8Array): string {
  return `${name} ${hex(nameHash)} ${hex(keyHash)}`
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('hex')
}
