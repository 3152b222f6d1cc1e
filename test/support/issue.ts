import { randomBytes, sign } from 'node:crypto'
import { thisMachine } from '../../src/machine.js'
import { issueCertificate } from '../../src/pki/certificate.js'
import { readCsr } from '../../src/pki/csr.js'
import { type AcceptedCsr, acceptCsr, type CsrPolicy } from '../../src/pki/csr-policy.js'
import type { CertificateRequest } from '../../src/pki/draft.js'
import { dnsNames } from '../../src/pki/extensions.js'
import { commonNameAndUnit, type Name } from '../../src/pki/name.js'
import { DEVICE_CA, type Profile, ROOT_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import { HASH_OF_CURVE } from '../../src/pki/public-key.js'
import type { Certificate } from '../../src/pki/read-certificate.js'
import { validityFrom } from '../../src/pki/validity.js'
import type { Curve, Signer } from '../../src/ports.js'

export const FACTORY = 'acme'
export const NOW = new Date('2026-11-23T09:43:55Z')

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
  readonly dnsNames?: readonly string[]
  readonly names?: CertificateRequest['names']
  readonly profile?: Profile
}

export function newSigner(curve: Curve = 'P-256'): Signer {
  const { privateKey: key, publicKey } = thisMachine().random.ecKeyPair(curve)
  const hash = HASH_OF_CURVE[curve]
  return {
    publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    algorithm: { curve, hash },
    sign: async (data) => new Uint8Array(sign(hash, data, { key, dsaEncoding: 'der' })),
    close: async () => undefined,
  }
}

/** A serial number that is not made by the code under test. */
export function serialNumber(): Buffer {
  return Buffer.concat([Buffer.of(0x5a), randomBytes(19)])
}

/** The request for a certificate with the key `spki`, by `issuer` or, for a root, by itself. */
export function certificateRequest(
  role: string,
  profile: Profile,
  spki: Uint8Array,
  issuer: Certificate | null,
  unusual: Unusual = {},
): CertificateRequest {
  const years = unusual.years ?? profile.years
  return {
    role,
    profile: unusual.profile ?? profile,
    serialNumber: unusual.serialNumber ?? serialNumber(),
    validity: validityFrom(unusual.now ?? NOW, years, issuer),
    subject: unusual.subject ?? commonNameAndUnit(role, FACTORY),
    spki,
    issuer,
    names: unusual.names ?? dnsNames(unusual.dnsNames ?? []),
  }
}

export async function newRoot(unusual: Unusual = {}, signer = newSigner()): Promise<Authority> {
  const subject = commonNameAndUnit('Factory-CA', FACTORY)
  const request = certificateRequest('factory_ca.pem', ROOT_CA, signer.publicKey, null, { subject, ...unusual })
  return { certificate: await issueCertificate(request, signer), signer }
}

export async function newDeviceCa(root: Authority, unusual: Unusual = {}, signer = newSigner()): Promise<Authority> {
  const request = certificateRequest('local-ca', DEVICE_CA, signer.publicKey, root.certificate, unusual)
  return { certificate: await issueCertificate(request, root.signer), signer }
}

/** What the policy says of a PEM request for `profile`. */
export function accept(csr: string, profile: Profile, takenKeys: CsrPolicy['takenKeys'] = []) {
  return acceptCsr(readCsr(csr, 'the-csr'), {
    what: 'the-csr',
    profile,
    factory: FACTORY,
    issuer: commonNameAndUnit('Factory-CA', FACTORY),
    nameTypes: ['DNS'],
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
  return issueCertificate(certificateRequest('the-crt', profile, publicKey.spki, root.certificate, words), root.signer)
}

/** A server certificate for a PEM request. */
export function certifyTls(csr: string, root: Authority, unusual: Unusual = {}): Promise<Certificate> {
  return certify(accept(csr, TLS_SERVER), TLS_SERVER, root, unusual)
}
