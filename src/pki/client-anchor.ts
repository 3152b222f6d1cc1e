import { encodePem } from './pem.js'

/**
 * CertAux ::= SEQUENCE { trust SEQUENCE OF OBJECT IDENTIFIER, … } with id-kp-clientAuth (RFC 5280, 4.2.1.12) as the only
 * use; what `openssl x509 -addtrust clientAuth -trustout` puts behind a certificate.
 */
const TRUSTED_FOR_CLIENTS = Buffer.from('300c300a06082b06010505070302', 'hex')

/**
 * A CA (DER) as PEM that makes it a trust anchor for clients by itself, although another CA has signed it.
 *
 * OpenSSL ends a path only in a certificate that has signed itself, unless it is told otherwise; a server that has no
 * switch for that (X509_V_FLAG_PARTIAL_CHAIN), such as nginx, is told by the certificate. The same certificate follows as
 * a plain one, from which nginx takes the names that it tells clients, and for readers that do not know OpenSSL's form.
 */
export function clientAnchorPem(der: Uint8Array): string {
  const trusted = encodePem('TRUSTED CERTIFICATE', Buffer.concat([der, TRUSTED_FOR_CLIENTS]))
  return `${trusted}${encodePem('CERTIFICATE', der)}`
}
