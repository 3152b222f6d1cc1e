import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'

/** Who changed the PKI, and when; times are RFC 3339. */
export const changeMeta = z.strictObject({
  createdBy: z.string(),
  createdAt: z.string(),
  updatedBy: z.string(),
  updatedAt: z.string(),
})

/** What the Factory API knows of a factory whose PKI is configured (contract.md 4); PEM, null where there is none. */
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

/** {@link FactoryCertificates} as the API answers them, with the version that an update can be conditional on. */
export interface VersionedCertificates extends FactoryCertificates {
  /** A strong entity tag (RFC 9110, 8.8.3), quotes included; null: the server has none. */
  readonly version: string | null
}

/** The servers' and CA's keys that the Factory API makes and keeps. */
export const CSR_KINDS = ['tls', 'ca', 'estTls'] as const

/** One of {@link CSR_KINDS}. */
export type CsrKind = (typeof CSR_KINDS)[number]

/** Which requests the API is to make, each with a new key. */
export interface CsrOrder {
  /** Fails when the root is set already. */
  readonly firstTimeInit: boolean
  readonly kinds: readonly CsrKind[]
}

/** PEM requests, those asked for only. */
export type Csrs = Readonly<Partial<Record<CsrKind, string>>>

/** New certificates for the API; what is left out stays as it is. `caCrt` replaces the whole list. */
export interface CertificatesUpdate {
  /** Can be set once only. */
  readonly rootCrt?: string
  readonly tlsCrt?: string
  readonly caCrt?: string
  readonly estTlsCrt?: string
  /** A CRL of the root's (PEM): what it says of device CAs is done to them (contract.md 3). */
  readonly caRevokeCrl?: string
}

/** The caller, as the API knows it. */
export interface FactoryUser {
  /** The id that a local-ca's CN carries: `fio-<id>`. */
  readonly polisId: string
  readonly name: string
}

/**
 * The Factory API (contract.md 4). Every call may throw {@link FactoryApiError}.
 */
export interface FactoryApi {
  /** Which one it is, for messages and records: two APIs with one name know the same factories. */
  readonly name: string
  /** The names of the gateway's first request, where they are known before it is made. */
  readonly plannedServer?: { readonly commonName: string; readonly names: readonly string[] }
  requestCsrs(order: CsrOrder): Promise<Csrs>
  /** null: the factory's PKI is not configured yet. */
  getCertificates(): Promise<VersionedCertificates | null>
  /**
   * @param version change nothing, and fail with the status {@link CONFLICT}, unless the certificates still have this
   *   version; null: update whatever is there
   */
  updateCertificates(update: CertificatesUpdate, version?: string | null): Promise<void>
  getUser(): Promise<FactoryUser>
}

/** The status for an update that was made for another version: 412 Precondition Failed (RFC 9110, 15.5.13). */
export const CONFLICT = 412

/** The Factory API said no, or did not answer. */
export class FactoryApiError extends FpkiError {
  /** The HTTP status that a server answers with; 0: no answer came. */
  readonly status: number
  /** Why, in the words of the API itself; null when it gave none. */
  readonly reason: string | null

  constructor(status: number, message: string, hint: string, options?: ErrorOptions & { reason?: string }) {
    super('ERR_API', message, hint, options)
    this.status = status
    this.reason = options?.reason ?? null
  }
}
