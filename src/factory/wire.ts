import * as z from 'zod/mini'
import type { CertificatesUpdate, CsrKind, CsrOrder, Csrs, FactoryCertificates, FactoryUser } from './api.js'

/** A text that may be null or not there at all. */
const text = z.nullish(z.string())

/** What GET certs answers (docs/profile.md#certs); members that are not known here are left out. */
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

/** What POST certs takes: all four. */
export const wireCsrOrder = z.object({
  'first-time-init': z.boolean(),
  'ca-csr': z.boolean(),
  'tls-csr': z.boolean(),
  'est-tls-csr': z.boolean(),
})

/** What POST certs answers: the requests that were asked for. */
export const wireCsrs = z.object({ 'ca-csr': text, 'tls-csr': text, 'est-tls-csr': text })

/** What PATCH certs takes; an empty `change-meta`, which fioctl sends along, and the like are left out. */
export const wireUpdate = z.object({
  'root-crt': text,
  'tls-crt': text,
  'ca-crt': text,
  'est-tls-crt': text,
  'ca-revoke-crl': text,
})

/** What GET users answers. */
export const wireUser = z.object({
  'polis-id': z.string().check(z.minLength(1)),
  name: text,
  role: text,
  'teams-ext': z.nullish(z.array(z.unknown())),
  'effective-scopes': z.nullish(z.array(z.string())),
})

/** The body of an error; servers say `msg` or `message`, and list the errors or give one for each field. */
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

/** The certificates of an answer; null when there is no root among them. */
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
export function certificatesToWire({ changeMeta, ...known }: FactoryCertificates): WireCertificates {
  return {
    'root-crt': known.rootCrt,
    'tls-crt': known.tlsCrt,
    'ca-crt': known.caCrt,
    'est-tls-crt': known.estTlsCrt,
    'ca-revoke-crl': known.caRevokeCrl,
    'disabled-ca-serials': known.disabledCaSerials,
    'change-meta': {
      'created-by': changeMeta.createdBy,
      'created-at': changeMeta.createdAt,
      'updated-by': changeMeta.updatedBy,
      'updated-at': changeMeta.updatedAt,
    },
  }
}

/** Which requests a body asks for. */
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

/** The requests of an answer. */
export function csrsFromWire(wire: WireCsrs): Csrs {
  return present({ tls: wire['tls-csr'], ca: wire['ca-csr'], estTls: wire['est-tls-csr'] })
}

/** The reverse of {@link csrsFromWire}. */
export function csrsToWire({ tls, ca, estTls }: Csrs): WireCsrs {
  return present({ 'ca-csr': ca, 'tls-csr': tls, 'est-tls-csr': estTls })
}

/** The update that a body asks for. */
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

/** The user of an answer. */
export function userFromWire({ 'polis-id': polisId, name }: WireUser): FactoryUser {
  return { polisId, name: name ?? '' }
}

/** The reverse of {@link userFromWire}; whoever may ask here owns the factory. */
export function userToWire({ polisId, name }: FactoryUser): WireUser {
  return { 'polis-id': polisId, name, role: 'owner', 'teams-ext': [], 'effective-scopes': [] }
}

/** The member that a value does not hold in, in the words of the wire; `''` when it is the whole. */
export function wrongMember({ issues }: { readonly issues: readonly { readonly path: PropertyKey[] }[] }): string {
  return (issues[0]?.path ?? []).map(String).join('.')
}

/** The members that have a text. */
function present<Name extends string>(
  members: Readonly<Record<Name, string | null | undefined>>,
): { [name in Name]?: string } {
  const kept = Object.entries<string | null | undefined>(members).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(kept) as { [name in Name]?: string }
}
