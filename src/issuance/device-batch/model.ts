import type { KeyObject } from 'node:crypto'
import type { RequestRefusalCode } from '../../pki/device-policy.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Validity } from '../../pki/validity.js'
import type { Signer } from '../../ports.js'

/**
 * The cryptography of device certificates, in batches: the hot path. It knows no register and no directory. One
 * implementation runs in this thread, another in worker threads; both give the same answers in the order of what they got.
 */
export interface DeviceBatches {
  /** Parses requests, verifies their signatures, and decides by the policy. Never throws because of a request. */
  check(requests: readonly RawRequest[], policy: BatchPolicy): Promise<readonly CheckedRequest[]>
  /** Makes P-256 key pairs, and the subject that goes with each. */
  makeKeys(devices: readonly DeviceSubject[]): Promise<readonly MadeKey[]>
  /**
   * Signs certificates with random serial numbers and verifies each with OpenSSL and the strict reader.
   * Throws ERR_SIGNATURE, ERR_PROFILE, or the error of the token.
   */
  certify(orders: readonly CertificateOrder[], validity: Validity): Promise<readonly IssuedCertificate[]>
  /**
   * Whether the key can sign right now: a token signs a test message. Does nothing for a key in a file.
   * Throws ERR_BAD_KEY, or the error of the token.
   */
  prove(): Promise<void>
  close(): Promise<void>
}

/** What batches are made for. */
export interface BatchIssuer {
  readonly factory: string
  /** The device CA, whose certificate and chain were checked before. */
  readonly ca: Certificate
  readonly key: BatchKey
}

/** The CA's key: a proven one of a file, which worker threads get a handle of, or one in a token, which stays in this thread. */
export type BatchKey =
  | { readonly kind: 'file'; readonly privateKey: KeyObject }
  /** One signer a session; several signatures are in flight. */
  | { readonly kind: 'token'; readonly signers: readonly Signer[] }

/** A certificate request as it was read: PEM text or DER. */
export type RawRequest = string | Uint8Array

/** Whom requests may be for. */
export interface BatchPolicy {
  readonly allowsProduction: boolean
}

/** What is known of a request after it was checked. */
export type CheckedRequest =
  | ({ readonly kind: 'request' } & CertificateOrder & { readonly uuid: string; readonly isProduction: boolean })
  | { readonly kind: 'refused'; readonly code: RequestRefusalCode; readonly reason: string }

/** What a certificate is made from. */
export interface CertificateOrder {
  /** DER of the Name, the octets of the request. */
  readonly subject: Uint8Array
  /** SubjectPublicKeyInfo, DER: an uncompressed point on P-256. */
  readonly spki: Uint8Array
  /** SHA-256 of `spki`. */
  readonly keyHash: Uint8Array
}

/** A device whose key fpki makes. */
export interface DeviceSubject {
  /** Canonical. */
  readonly uuid: string
  readonly isProduction: boolean
}

/** A new key pair of a device. */
export interface MadeKey extends CertificateOrder, DeviceSubject {
  /** PEM `EC PRIVATE KEY` or `PRIVATE KEY`, as lmp-device-register writes it. Secret. */
  readonly privateKeyPem: string
}

/** A certificate that was verified. Nobody has seen it yet: the register is next. */
export interface IssuedCertificate {
  /** Lower-case hex. */
  readonly serial: string
  readonly der: Uint8Array
}
