import { checkCertificate, checkTbsCertificate } from '../../pki/check.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { CertificateTemplate } from '../../pki/template.js'
import type { Signer } from '../../ports.js'
import { signingCrypto } from '../webcrypto.js'
import { certificateExtensions } from './extensions.js'
import { loadX509 } from './library.js'

/**
 * Makes a certificate: @peculiar/x509 lays it out, fpki's own reader checks it against its profile before the key is used,
 * and OpenSSL verifies what was signed.
 *
 * @param signer the issuer's key; for a root, its own
 * @throws FpkiError ERR_PROFILE before signing, when the certificate would break its profile; ERR_SIGNATURE when what the
 *   signer returns is not a signature of the issuer's key
 */
export async function issueCertificate(template: CertificateTemplate, signer: Signer): Promise<Certificate> {
  const x509 = await loadX509()
  const { role, subject, issuer, spki, serialNumber, validity } = template
  const check = (octets: Uint8Array) => checkTbsCertificate(octets, template, signer.algorithm.curve)
  const { crypto, key, algorithm } = signingCrypto(signer, check, `the new certificate for ${role}`)
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
  return checkCertificate(new Uint8Array(certificate.rawData), template, signer)
}
