import { checkResponseData } from '../pki/ocsp/check-response.js'
import { encodeOcspResponse, encodeResponseData, type ResponseContents } from '../pki/ocsp/response.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Signer } from '../ports.js'

/** The key of an OCSP responder, and its certificate. */
export interface ResponderKey {
  /** A key in memory, which was proven when it was opened. */
  readonly signer: Signer
  readonly certificate: Certificate
  /** SHA-1 of the public key bits: the ResponderID byKey. */
  readonly keyHash: Uint8Array
}

/**
 * Signs an OCSP response (RFC 6960, 4.2.1), which the strict reader checks before the key is used. The signature is not verified
 * as that of a certificate is: it takes three times as long as signing, for an answer that nobody keeps and every client
 * verifies. Throws ERR_PROFILE.
 */
export async function signOcspResponse(
  responses: Omit<ResponseContents, 'responderKeyHash'>,
  { signer, certificate, keyHash }: ResponderKey,
): Promise<Uint8Array> {
  const contents = { ...responses, responderKeyHash: keyHash }
  const data = checkResponseData(encodeResponseData(contents), contents)
  const signature = await signer.sign(data)
  return encodeOcspResponse(data, { curve: signer.algorithm.curve, signature, certificate: certificate.der })
}
