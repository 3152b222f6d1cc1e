import { verify } from 'node:crypto'
import { FpkiError } from '../errors.js'
import { checkResponseData } from '../pki/ocsp/check-response.js'
import { encodeOcspResponse, encodeResponseData, type ResponseContents } from '../pki/ocsp/response.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Signer } from '../ports.js'

/** The key of an OCSP responder, and its certificate. */
export interface ResponderKey {
  readonly signer: Signer
  readonly certificate: Certificate
}

/**
 * Signs an OCSP response (RFC 6960, 4.2.1): the strict reader checks it before the key is used, and OpenSSL verifies the
 * signature. Throws ERR_PROFILE, ERR_SIGNATURE.
 */
export async function signOcspResponse(contents: ResponseContents, key: ResponderKey): Promise<Uint8Array> {
  const { signer, certificate } = key
  const { curve, hash } = signer.algorithm
  const data = checkResponseData(encodeResponseData(contents), contents)
  const signature = await signer.sign(data)
  if (!verify(hash, data, certificate.publicKey.key, signature)) throw badSignature()
  return encodeOcspResponse(data, { curve, signature, certificate: certificate.der })
}

function badSignature(): FpkiError {
  return new FpkiError(
    'ERR_SIGNATURE',
    'Refusing an OCSP response: its signature does not verify with the certificate of the responder.',
    'Nothing was sent. Start the responder again, so that it makes a new key.',
  )
}
