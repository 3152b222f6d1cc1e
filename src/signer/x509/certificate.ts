import { checkCertificate, checkTbsCertificate } from '../../pki/check.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { CertificateTemplate } from '../../pki/template.js'
import type { Curve, Signer } from '../../ports.js'
import { checkingCrypto, type SigningCrypto, signingCrypto } from '../webcrypto.js'
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
  const check = (octets: Uint8Array) => checkTbsCertificate(octets, template, signer.algorithm.curve)
  const crypto = signingCrypto(signer, check, `the new certificate for ${template.role}`)
  return checkCertificate(await encodeCertificate(template, crypto), template, signer)
}

/**
 * Would {@link issueCertificate} sign this with a key on `curve`? Lays it out and checks it, and signs nothing. Throws as
 * that does before it signs.
 */
export async function checkTemplate(template: CertificateTemplate, curve: Curve): Promise<void> {
  await encodeCertificate(
    template,
    checkingCrypto(curve, (octets) => checkTbsCertificate(octets, template, curve)),
  )
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
