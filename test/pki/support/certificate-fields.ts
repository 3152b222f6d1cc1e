import { at, membersOf, readTlv, sequence, type Tlv, tlv } from './der.js'

/** The members of a TBSCertificate (RFC 5280, 4.1), as octets. */
export interface TbsFields {
  readonly version: Buffer
  readonly serialNumber: Buffer
  readonly signature: Buffer
  readonly issuer: Buffer
  readonly notBefore: Buffer
  readonly notAfter: Buffer
  readonly subject: Buffer
  readonly spki: Buffer
  /** Each Extension. */
  readonly extensions: readonly Buffer[]
}

/** One Extension, taken apart. */
export interface ExtensionFields {
  /** The content of its OBJECT IDENTIFIER, in hex. */
  readonly type: string
  readonly critical: boolean
  /** What the OCTET STRING holds, in hex. */
  readonly value: string
}

const MEMBERS = 8

export function readTbs(der: Uint8Array): TbsFields {
  return tbsFields(readTlv(der))
}

/** The TBSCertificate of a certificate. */
export function readCertificateFields(der: Uint8Array): TbsFields {
  return tbsFields(at(readTlv(der), 0))
}

function tbsFields(tbs: Tlv): TbsFields {
  if (membersOf(tbs).length !== MEMBERS) throw new Error(`a TBSCertificate of ${membersOf(tbs).length} members`)
  const field = (...path: readonly number[]) => at(tbs, ...path).der
  return {
    version: field(0),
    serialNumber: field(1),
    signature: field(2),
    issuer: field(3),
    notBefore: field(4, 0),
    notAfter: field(4, 1),
    subject: field(5),
    spki: field(6),
    extensions: membersOf(at(tbs, 7, 0)).map(({ der }) => der),
  }
}

/** Puts a TBSCertificate together again; `more` follows the extensions. */
export function writeTbs(fields: TbsFields, ...more: readonly Uint8Array[]): Buffer {
  const { version, serialNumber, signature, issuer, notBefore, notAfter, subject, spki, extensions } = fields
  const validity = sequence(notBefore, notAfter)
  const wrapped = extensions.length === 0 ? Buffer.alloc(0) : tlv(0xa3, sequence(...extensions))
  return sequence(version, serialNumber, signature, issuer, validity, subject, spki, wrapped, ...more)
}

export function readExtension(der: Uint8Array): ExtensionFields {
  const extension = readTlv(der)
  const parts = membersOf(extension)
  const last = parts.length - 1
  const critical = parts.length === 3
  if (critical && at(extension, 1).der.toString('hex') !== '0101ff') throw new Error('critical is not TRUE')
  return {
    type: at(extension, 0).content.toString('hex'),
    critical,
    value: at(extension, last).content.toString('hex'),
  }
}
