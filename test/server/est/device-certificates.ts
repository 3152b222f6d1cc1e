import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { readCertificateFields } from '../../pki/support/certificate-fields.js'
import { CN, extension, OU, spkiOf, utf8Name } from '../../pki/support/csr.js'
import { bitString, integer, objectIdentifier, pem, sequence, tlv } from '../../pki/support/der.js'
import { DEVICE_EXTENSIONS, derOf, type EstDevice } from './clients.js'

/** A CA that issues certificates for tests: its certificate and key, PEM. */
export interface TestCa {
  readonly cert: string
  readonly key: string
}

/** What a certificate says where it is not as usual. */
export interface Unusual {
  readonly subject?: Buffer
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly extensions?: readonly Buffer[]
  /** Hex. */
  readonly serial?: string
}

/** A device with the certificate that a test made, without fpki. */
export interface TestDevice extends EstDevice {
  readonly uuid: string
  readonly der: Buffer
  readonly keyHash: Buffer
  /** Lower-case hex. */
  readonly serial: string
  readonly notAfter: Date
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const BUSINESS_CATEGORY = '2.5.4.15'
const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** The subject of a device of the factory acme, as lmp-device-register writes it. */
export function deviceSubject(uuid: string, production = false, factory = 'acme'): Buffer {
  const category: readonly (readonly [string, string])[] = production ? [[BUSINESS_CATEGORY, 'production']] : []
  return utf8Name([CN, uuid], [OU, factory], ...category)
}

/** A device whose certificate `ca` signs: valid for a year from an hour ago. */
export function newDevice(uuid: string, ca: TestCa, now: Date, unusual: Unusual = {}): TestDevice {
  const { subject = deviceSubject(uuid), extensions = DEVICE_EXTENSIONS.map((one) => Buffer.from(one)) } = unusual
  const { notBefore = new Date(now.getTime() - HOUR), notAfter = new Date(now.getTime() + 365 * DAY) } = unusual
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const { serial = `5a${randomBytes(19).toString('hex')}` } = unusual
  const spki = spkiOf(keys)
  const tbs = sequence(
    tlv(0xa0, integer(2)),
    integer(BigInt(`0x${serial}`)),
    ECDSA_WITH_SHA256,
    readCertificateFields(derOf(ca.cert)).subject,
    sequence(time(notBefore), time(notAfter)),
    subject,
    spki,
    ...(extensions.length === 0 ? [] : [tlv(0xa3, sequence(...extensions))]),
  )
  const der = sequence(tbs, ECDSA_WITH_SHA256, bitString(sign('sha256', tbs, createPrivateKey(ca.key))))
  const key = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const keyHash = createHash('sha256').update(spki).digest()
  return {
    uuid,
    key,
    cert: pem('CERTIFICATE', der),
    der,
    keyHash,
    serial,
    notAfter: new Date(new X509Certificate(der).validTo),
  }
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
}

/** The value of basicConstraints CA:TRUE, critical. */
export const CA_TRUE = criticalExtension('2.5.29.19', '30030101ff')
/** extKeyUsage serverAuth. */
export const SERVER_AUTH = extension('2.5.29.37', Buffer.from('300a06082b06010505070301', 'hex'))

function criticalExtension(oid: string, hex: string): Buffer {
  return sequence(objectIdentifier(oid), tlv(0x01, Buffer.of(0xff)), tlv(0x04, Buffer.from(hex, 'hex')))
}
