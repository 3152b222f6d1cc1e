import { encodePem } from './pem.js'

/**
 * CertAux ::= SEQUENCE { trust SEQUENCE OF OBJECT IDENTIFIER, … } with id-kp-clientAuth (RFC 5280, 4.2.1.12) alone: what
 * `openssl x509 -addtrust clientAuth -trustout` appends to a certificate.
 */
const TRUSTED_FOR_CLIENTS = Buffer.from('300c300a06082b06010505070302', 'hex')

/**
 * PEM that makes a CA (DER) a trust anchor for client certificates although it is not self-signed.
 *
 * By default OpenSSL accepts only self-signed trust anchors, and nginx cannot set X509_V_FLAG_PARTIAL_CHAIN; a TRUSTED
 * CERTIFICATE block has the same effect. The plain certificate follows because nginx takes the CA names that it sends to
 * clients from it, and for programs that do not read OpenSSL's format.
 */
export function clientAnchorPem(der: Uint8Array): string {
  const trusted = encodePem('TRUSTED CERTIFICATE', Buffer.concat([der, TRUSTED_FOR_CLIENTS]))
  return `${trusted}${encodePem('CERTIFICATE', der)}`
}
