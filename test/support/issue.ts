import { createPrivateKey, randomBytes, sign } from 'node:crypto'
import { thisMachine } from '../../src/machine/index.js'
import { parseAndVerifyCsr } from '../../src/pki/csr.js'
import { type AcceptedCsr, acceptCsr, type CsrPolicy } from '../../src/pki/csr-policy.js'
import { parseDer } from '../../src/pki/der.js'
import { type Name, readName } from '../../src/pki/name.js'
import { DEVICE_CA, type Profile, ROOT_CA } from '../../src/pki/profiles.js'
import { HASH_OF_CURVE } from '../../src/pki/public-key.js'
import { type Certificate, readCertificate } from '../../src/pki/read-certificate.js'
import { serverNames } from '../../src/pki/server-name.js'
import type { CertificateTemplate } from '../../src/pki/template.js'
import { validityFrom } from '../../src/pki/validity.js'
import type { CheckedOctets, Curve, Signer } from '../../src/ports.js'
import { signCertificate } from '../../src/signer/x509/certificate.js'
import { readCertificateFields, type TbsFields, writeTbs } from '../pki/support/certificate-fields.js'
import { CN, OU, utf8Name } from '../pki/support/csr.js'

export const FACTORY = 'acme'
export const NOW = new Date('2026-11-23T09:43:55Z')

import { at, bitString, readTlv, sequence } from '../pki/support/der.js'

/** A CA: its certificate and its key. */
export interface Authority {
  readonly certificate: Certificate
  readonly signer: Signer
}

/** What a certificate of the tests says where it is not as usual. */
export interface Unusual {
  readonly subject?: Name
  readonly now?: Date
  readonly years?: number
  readonly serialNumber?: Uint8Array
  /** DNS names and IP addresses. */
  readonly dnsNames?: readonly string[]
  readonly names?: CertificateTemplate['names']
  readonly profile?: Profile
}

export function newSigner(curve: Curve = 'P-256'): Signer {
  const { pem, spki } = thisMachine().random.ecPrivateKey(curve)
  const key = createPrivateKey(pem)
  const hash = HASH_OF_CURVE[curve]
  return {
    spki,
    algorithm: { curve, hash },
    sign: async (data) => new Uint8Array(sign(hash, data, { key, dsaEncoding: 'der' })),
    close: async () => undefined,
  }
}

/** CN and OU, as a factory's certificates have them. */
export function utf8Subject(commonName: string, unit: string): Name {
  return readName(parseDer(utf8Name([CN, commonName], [OU, unit])))
}

/** Octets that a key of a test signs although nothing has checked them. */
export function unchecked(octets: Uint8Array): CheckedOctets {
  return octets as CheckedOctets
}

/** A serial number that is not made by the code under test. */
export function serialNumber(): Buffer {
  return Buffer.concat([Buffer.of(0x5a), randomBytes(19)])
}

/** The template of a certificate with the key `spki`, by `issuer` or, for a root, by itself. */
export function certificateTemplate(
  role: string,
  profile: Profile,
  spki: Uint8Array,
  issuer: Certificate | null,
  unusual: Unusual = {},
): CertificateTemplate {
  const years = unusual.years ?? profile.years
  return {
    role,
    profile: unusual.profile ?? profile,
    serialNumber: unusual.serialNumber ?? serialNumber(),
    validity: validityFrom(unusual.now ?? NOW, years, issuer),
    subject: unusual.subject ?? utf8Subject(role, FACTORY),
    spki,
    issuer,
    names: unusual.names ?? serverNames(unusual.dnsNames ?? []),
  }
}

export async function newRoot(unusual: Unusual = {}, signer = newSigner()): Promise<Authority> {
  const subject = utf8Subject('Factory-CA', FACTORY)
  const request = certificateTemplate('factory_ca.pem', ROOT_CA, signer.spki, null, { subject, ...unusual })
  return { certificate: await signCertificate(request, signer), signer }
}

export async function newDeviceCa(root: Authority, unusual: Unusual = {}, signer = newSigner()): Promise<Authority> {
  const request = certificateTemplate('local-ca', DEVICE_CA, signer.spki, root.certificate, unusual)
  return { certificate: await signCertificate(request, root.signer), signer }
}

/** What the policy says of a PEM request for `profile`. */
export function accept(csr: string, profile: Profile, takenKeys: CsrPolicy['takenKeys'] = []) {
  return acceptCsr(parseAndVerifyCsr(csr, 'the-csr'), {
    what: 'the-csr',
    profile,
    factory: FACTORY,
    issuer: utf8Subject('Factory-CA', FACTORY),
    nameTypes: ['DNS', 'IP'],
    takenKeys,
  })
}

/** A certificate for a request that was accepted. */
export function certify(
  { csr, names }: AcceptedCsr,
  profile: Profile,
  root: Authority,
  unusual: Unusual = {},
): Promise<Certificate> {
  const { subject, publicKey } = csr
  const words = { subject, names, ...unusual }
  return signCertificate(certificateTemplate('the-crt', profile, publicKey.spki, root.certificate, words), root.signer)
}

/** A certificate again with other fields, which fpki itself would refuse to sign. */
export async function signedAgain(
  { der }: Certificate,
  fields: Partial<TbsFields>,
  { signer }: Authority,
): Promise<Certificate> {
  const tbs = writeTbs({ ...readCertificateFields(der), ...fields })
  const algorithm = at(readTlv(der), 1).der
  const signature = bitString(await signer.sign(unchecked(tbs)))
  return readCertificate(sequence(tbs, algorithm, signature), 'a certificate of the test')
}
