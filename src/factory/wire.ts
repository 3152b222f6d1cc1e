import * as z from 'zod/mini'
import type { CertificatesUpdate, CsrKind, CsrOrder, Csrs, FactoryCertificates, FactoryUser } from './api.js'

/** A string that may be null or absent. */
const text = z.nullish(z.string())

/** The response to GET certs (docs/profile.md#certs); unknown members are dropped. */
export const wireCertificates = z.object({
  'root-crt': text,
  'tls-crt': text,
  'ca-crt': text,
  'est-tls-crt': text,
  'ca-revoke-crl': text,
  'disabled-ca-serials': z.nullish(z.array(z.string().check(z.regex(/^\d{1,60}$/)))),
  'change-meta': z.nullish(
    z.object({ 'created-by': text, 'created-at': text, 'updated-by': text, 'updated-at': text }),
  ),
})

/** The body of POST certs; all four members are required. */
export const wireCsrOrder = z.object({
  'first-time-init': z.boolean(),
  'ca-csr': z.boolean(),
  'tls-csr': z.boolean(),
  'est-tls-csr': z.boolean(),
})

/** The response to POST certs. */
export const wireCsrs = z.object({ 'ca-csr': text, 'tls-csr': text, 'est-tls-csr': text })

/** The body of PATCH certs; other members, such as fioctl's empty `change-meta`, are dropped. */
export const wireUpdate = z.object({
  'root-crt': text,
  'tls-crt': text,
  'ca-crt': text,
  'est-tls-crt': text,
  'ca-revoke-crl': text,
})

/** The response to GET users. */
export const wireUser = z.object({
  'polis-id': z.string().check(z.minLength(1)),
  name: text,
  role: text,
  'teams-ext': z.nullish(z.array(z.unknown())),
  'effective-scopes': z.nullish(z.array(z.string())),
})

/** The body of an error response: `msg` or `message`, and a list of errors or one for each field. */
export const wireError = z.object({
  msg: text,
  message: text,
  errors: z.nullish(z.union([z.array(z.string()), z.record(z.string(), z.string())])),
})

type WireCertificates = z.infer<typeof wireCertificates>
type WireCsrOrder = z.infer<typeof wireCsrOrder>
type WireCsrs = z.infer<typeof wireCsrs>
type WireUpdate = z.infer<typeof wireUpdate>
type WireUser = z.infer<typeof wireUser>

/** The certificates of a response; null without a root. */
export function certificatesFromWire(wire: WireCertificates): FactoryCertificates | null {
  const rootCrt = wire['root-crt']
  if (!rootCrt) return null
  const meta = wire['change-meta']
  return {
    rootCrt,
    tlsCrt: wire['tls-crt'] || null,
    caCrt: wire['ca-crt'] || null,
    estTlsCrt: wire['est-tls-crt'] || null,
    caRevokeCrl: wire['ca-revoke-crl'] || null,
    disabledCaSerials: wire['disabled-ca-serials'] ?? [],
    changeMeta: {
      createdBy: meta?.['created-by'] ?? '',
      createdAt: meta?.['created-at'] ?? '',
      updatedBy: meta?.['updated-by'] ?? '',
      updatedAt: meta?.['updated-at'] ?? '',
    },
  }
}

/** The reverse of {@link certificatesFromWire}. */
export function certificatesToWire({ changeMeta, ...certificates }: FactoryCertificates): WireCertificates {
  return {
    'root-crt': certificates.rootCrt,
    'tls-crt': certificates.tlsCrt,
    'ca-crt': certificates.caCrt,
    'est-tls-crt': certificates.estTlsCrt,
    'ca-revoke-crl': certificates.caRevokeCrl,
    'disabled-ca-serials': certificates.disabledCaSerials,
    'change-meta': {
      'created-by': changeMeta.createdBy,
      'created-at': changeMeta.createdAt,
      'updated-by': changeMeta.updatedBy,
      'updated-at': changeMeta.updatedAt,
    },
  }
}

/** The order in a request body. */
export function csrOrderFromWire(wire: WireCsrOrder): CsrOrder {
  const kinds: readonly CsrKind[] = [
    ...(wire['tls-csr'] ? (['tls'] as const) : []),
    ...(wire['ca-csr'] ? (['ca'] as const) : []),
    ...(wire['est-tls-csr'] ? (['estTls'] as const) : []),
  ]
  return { firstTimeInit: wire['first-time-init'], kinds }
}

/** The reverse of {@link csrOrderFromWire}. */
export function csrOrderToWire({ firstTimeInit, kinds }: CsrOrder): WireCsrOrder {
  return {
    'first-time-init': firstTimeInit,
    'ca-csr': kinds.includes('ca'),
    'tls-csr': kinds.includes('tls'),
    'est-tls-csr': kinds.includes('estTls'),
  }
}

/** The certificate requests of a response. */
export function csrsFromWire(wire: WireCsrs): Csrs {
  return present({ tls: wire['tls-csr'], ca: wire['ca-csr'], estTls: wire['est-tls-csr'] })
}

/** The reverse of {@link csrsFromWire}. */
export function csrsToWire({ tls, ca, estTls }: Csrs): WireCsrs {
  return present({ 'ca-csr': ca, 'tls-csr': tls, 'est-tls-csr': estTls })
}

/** The update in a request body. */
export function updateFromWire(wire: WireUpdate): CertificatesUpdate {
  return present({
    rootCrt: wire['root-crt'],
    tlsCrt: wire['tls-crt'],
    caCrt: wire['ca-crt'],
    estTlsCrt: wire['est-tls-crt'],
    caRevokeCrl: wire['ca-revoke-crl'],
  })
}

/** The reverse of {@link updateFromWire}. */
export function updateToWire(update: CertificatesUpdate): WireUpdate {
  return present({
    'root-crt': update.rootCrt,
    'tls-crt': update.tlsCrt,
    'ca-crt': update.caCrt,
    'est-tls-crt': update.estTlsCrt,
    'ca-revoke-crl': update.caRevokeCrl,
  })
}

/** The user of a response. */
export function userFromWire({ 'polis-id': polisId, name }: WireUser): FactoryUser {
  return { polisId, name: name ?? '' }
}

/** The reverse of {@link userFromWire}; every caller of the embedded API is an owner. */
export function userToWire({ polisId, name }: FactoryUser): WireUser {
  return { 'polis-id': polisId, name, role: 'owner', 'teams-ext': [], 'effective-scopes': [] }
}

/** The wire name of the invalid member; `''` when the value as a whole is invalid. */
export function wrongMember({ issues }: { readonly issues: readonly { readonly path: PropertyKey[] }[] }): string {
  return (issues[0]?.path ?? []).map(String).join('.')
}

/** The members that are strings. */
function present<Name extends string>(
  members: Readonly<Record<Name, string | null | undefined>>,
): { [name in Name]?: string } {
  const strings = Object.entries<string | null | undefined>(members).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(strings) as { [name in Name]?: string }
}
