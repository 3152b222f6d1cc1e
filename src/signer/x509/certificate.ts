import { checkCertificate, checkTbsCertificate } from '../../pki/check.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { CertificateTemplate } from '../../pki/template.js'
import type { CheckedOctets, Curve, Signer } from '../../ports.js'
import { checkingCrypto, type SigningCrypto, signingCrypto } from '../webcrypto.js'
import { certificateExtensions } from './extensions.js'
import { loadX509 } from './library.js'

/**
 * Issues a certificate: @peculiar/x509 encodes it, fpki's own parser checks it against its profile before the key is used,
 * and OpenSSL verifies the result.
 *
 * @param signer the issuer's key; for a root, its own
 * @throws FpkiError ERR_PROFILE before signing, when the certificate would violate its profile; ERR_SIGNATURE when the
 *   signature does not verify with the issuer's key
 */
export async function signCertificate(template: CertificateTemplate, signer: Signer): Promise<Certificate> {
  const check = (octets: Uint8Array) => checkTbsCertificate(octets, template, signer.algorithm.curve)
  const crypto = signingCrypto(signer, check, `the new certificate for ${template.role}`)
  return checkCertificate(await encodeCertificate(template, crypto), template, signer)
}

/**
 * Checks whether {@link signCertificate} would sign this with a key on `curve`, without signing. Throws the same errors.
 */
export async function checkTemplate(template: CertificateTemplate, curve: Curve): Promise<void> {
  await encodeTbs(template, curve)
}

/**
 * The TBSCertificate (DER) that {@link signCertificate} would sign with a key on `curve`. Throws the same errors.
 */
export async function encodeTbs(template: CertificateTemplate, curve: Curve): Promise<CheckedOctets> {
  const checked: CheckedOctets[] = []
  const check = (octets: Uint8Array) => {
    const tbs = checkTbsCertificate(octets, template, curve)
    checked.push(tbs)
    return tbs
  }
  await encodeCertificate(template, checkingCrypto(curve, check))
  const [tbs] = checked
  if (tbs === undefined) throw new Error('the library encoded no certificate')
  return tbs
}

async function encodeCertificate(
  template: CertificateTemplate,
  { crypto, key, algorithm }: SigningCrypto,
): Promise<Uint8Array> {
  const x509 = await loadX509()
  const { subject, issuer, spki, serialNumber, validity } = template
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: Buffer.from(serialNumber).toString('hex'),
      subject: new x509.Name(subject.der),
      issuer: new x509.Name((issuer?.subject ?? subject).der),
      notBefore: validity.notBefore,
      notAfter: validity.notAfter,
      publicKey: spki,
      extensions: certificateExtensions(x509, template),
      signingKey: key,
      signingAlgorithm: algorithm,
    },
    crypto,
  )
  return new Uint8Array(certificate.rawData)
}
