import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'

/** Who changed the PKI, and when (RFC 3339). */
export const changeMeta = z.strictObject({
  createdBy: z.string(),
  createdAt: z.string(),
  updatedBy: z.string(),
  updatedAt: z.string(),
})

/** The certificates of a factory whose PKI is configured (docs/profile.md#certs), as PEM; null when absent. */
export const factoryCertificates = z.strictObject({
  rootCrt: z.string(),
  tlsCrt: z.nullable(z.string()),
  /** All device CAs, concatenated PEM. */
  caCrt: z.nullable(z.string()),
  estTlsCrt: z.nullable(z.string()),
  caRevokeCrl: z.nullable(z.string()),
  /** Decimal. */
  disabledCaSerials: z.array(z.string().check(z.regex(/^\d{1,60}$/))),
  changeMeta,
})

/** See {@link factoryCertificates}. */
export type FactoryCertificates = z.infer<typeof factoryCertificates>

/** {@link FactoryCertificates} with their version, for conditional updates. */
export interface VersionedCertificates extends FactoryCertificates {
  /** A strong entity tag (RFC 9110, 8.8.3) including its quotes; null when the server sends none. */
  readonly version: string | null
}

/** The keys that the Factory API generates and keeps. */
export const CSR_KINDS = ['tls', 'ca', 'estTls'] as const

/** One of {@link CSR_KINDS}. */
export type CsrKind = (typeof CSR_KINDS)[number]

/** The requests to create, each with a new key. */
export interface CsrOrder {
  /** Fail when the root is already set. */
  readonly firstTimeInit: boolean
  readonly kinds: readonly CsrKind[]
}

/** The requested certificate requests, PEM. */
export type Csrs = Readonly<Partial<Record<CsrKind, string>>>

/** New certificates for the API; absent members do not change. `caCrt` replaces the whole list. */
export interface CertificatesUpdate {
  /** Can be set only once. */
  readonly rootCrt?: string
  readonly tlsCrt?: string
  readonly caCrt?: string
  readonly estTlsCrt?: string
  /** A CRL of the root (PEM), which revokes, disables or enables device CAs (docs/profile.md#crl). */
  readonly caRevokeCrl?: string
}

/** The caller of the API. */
export interface FactoryUser {
  /** The id in the CN of local-ca: `fio-<id>`. */
  readonly polisId: string
  readonly name: string
}

/**
 * The Factory API (docs/profile.md#factory-api). Every call may throw {@link FactoryApiError}.
 */
export interface FactoryApi {
  /** Identifies the API in messages and records. */
  readonly name: string
  /** The names of the gateway's first request, if known in advance. */
  readonly plannedServer?: { readonly commonName: string; readonly names: readonly string[] }
  requestCsrs(order: CsrOrder): Promise<Csrs>
  /** null when the factory's PKI is not configured yet. */
  getCertificates(): Promise<VersionedCertificates | null>
  /**
   * @param version fail with the status {@link CONFLICT} unless the certificates still have this version; null to update
   *   unconditionally
   */
  updateCertificates(update: CertificatesUpdate, version?: string | null): Promise<void>
  getUser(): Promise<FactoryUser>
}

/** The status of an update for an outdated version: 412 Precondition Failed (RFC 9110, 15.5.13). */
export const CONFLICT = 412

/** The Factory API refused a request, or did not answer. */
export class FactoryApiError extends FpkiError {
  /** The HTTP status; 0 when there was no response. */
  readonly status: number
  /** The reason given by the API, if any. */
  readonly reason: string | null

  constructor(status: number, message: string, hint: string, options?: ErrorOptions & { reason?: string }) {
    super('ERR_API', message, hint, options)
    this.status = status
    this.reason = options?.reason ?? null
  }
}
