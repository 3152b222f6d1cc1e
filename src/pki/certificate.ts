import type { Signer } from '../ports.js'
import { checkCertificate, checkDraft } from './check.js'
import { bitString, sequence } from './der-write.js'
import { type CertificateRequest, draftCertificate } from './draft.js'
import type { Certificate } from './read-certificate.js'

/**
 * Makes a certificate: draft it by its profile, check the draft, sign it, verify what was signed.
 *
 * @param request what the certificate is to say
 * @param signer the issuer's key; for a root, its own
 * @returns the certificate, verified by OpenSSL against the signer's public key
 * @throws FpkiError ERR_PROFILE before signing, when the draft breaks its profile; ERR_SIGNATURE when what came back
 *   from the signer is not a signature of its key over the draft
 */
export async function issueCertificate(request: CertificateRequest, signer: Signer): Promise<Certificate> {
  const draft = checkDraft(draftCertificate(request, signer.algorithm.curve))
  const signature = await signer.sign(draft.tbsCertificate)
  return checkCertificate(
    sequence(draft.tbsCertificate, draft.algorithm, bitString(signature)),
    draft,
    signer.publicKey,
  )
}
