import { type CrlTemplate, checkCrl, checkSerialNumbers, checkTbsCrl } from '../../pki/check-crl.js'
import { CRL_REASONS } from '../../pki/crl.js'
import type { Crl } from '../../pki/read-crl.js'
import { issuerKeyIdentifier } from '../../pki/template.js'
import type { Signer } from '../../ports.js'
import { evenHex } from '../../serial-hex.js'
import { signingCrypto } from '../webcrypto.js'
import { authorityKeyIdentifier, crlNumber } from './extensions.js'
import { loadX509 } from './library.js'

/** A CRL is a message to the Factory API, valid for as long as sending it may take (docs/profile.md#crl). */
const MINUTES = 15

/** The contents of a new CRL. */
export type CrlOrder = Omit<CrlTemplate, 'thisUpdate' | 'nextUpdate'> & { readonly now: Date }

/**
 * Issues a CRL (RFC 5280, 5; docs/profile.md#crl): version 2, thisUpdate now, nextUpdate in 15 minutes, the same date and reason
 * for all entries, authorityKeyIdentifier and cRLNumber.
 *
 * @returns the CRL, parsed again and verified by OpenSSL
 * @throws FpkiError ERR_PROFILE before signing, when the encoding does not match; ERR_SIGNATURE when the signature does not
 *   verify with the issuer's key
 */
export async function signCrl({ now, ...order }: CrlOrder, signer: Signer): Promise<Crl> {
  checkSerialNumbers(order.serialNumbers)
  const x509 = await loadX509()
  const thisUpdate = new Date(Math.floor(now.getTime() / 1000) * 1000)
  const nextUpdate = new Date(thisUpdate.getTime() + MINUTES * 60_000)
  const template = { ...order, thisUpdate, nextUpdate }
  const { issuer, serialNumbers, reason } = template
  const check = (octets: Uint8Array) => checkTbsCrl(octets, template, signer.algorithm.curve)
  const { crypto, key, algorithm } = signingCrypto(signer, check, 'the new CRL')
  const crl = await x509.X509CrlGenerator.create(
    {
      issuer: new x509.Name(issuer.subject.der),
      thisUpdate,
      nextUpdate,
      entries: serialNumbers.map((serialNumber) => ({
        serialNumber: evenHex(serialNumber),
        revocationDate: thisUpdate,
        reason: CRL_REASONS[reason],
      })),
      extensions: [
        authorityKeyIdentifier(x509, issuerKeyIdentifier({ ...issuer, issuer })),
        crlNumber(x509, template.crlNumber),
      ],
      signingKey: key,
      signingAlgorithm: algorithm,
    },
    crypto,
  )
  return checkCrl(new Uint8Array(crl.rawData), template)
}
