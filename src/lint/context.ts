import { attributeValues } from '../pki/name.js'
import { sameOctets } from '../pki/octets.js'
import { uncompressedSpki } from '../pki/public-key.js'
import type { LintCertificate, LintCrl, LintItem } from './model.js'
import { attempt } from './parts.js'
import { verifies } from './signature.js'

/** The context in which rules check an item. */
export interface LintContext {
  readonly now: Date
  /** null when neither an option nor a root names it. */
  readonly factory: string | null
  readonly roots: readonly LintCertificate[]
  readonly deviceCas: readonly LintCertificate[]
  /** The issuer by name, preferably the one whose key verifies the signature; null when not available. */
  issuerOf(item: LintCertificate | LintCrl): LintCertificate | null
  /** An earlier certificate with the same issuer and serial number. */
  earlierWithSerial(item: LintCertificate): LintCertificate | null
  /** The CA with this key, other than the one named `subject`. */
  caWithKey(spki: Uint8Array, subject: Uint8Array): LintCertificate | null
}

/** Limits the work for files with many CAs of the same name. */
const MAX_OF_ONE_NAME = 20

/**
 * Builds the context of all items.
 *
 * @param items the linted and the additional items, in order
 * @param factory null for the factory that all roots name
 */
export function lintContext(items: readonly LintItem[], factory: string | null, now: Date): LintContext {
  const certificates = items.filter((item) => item.kind === 'certificate')
  const bySubject = groupedBy(certificates, ({ subject }) => hex(subject.der))
  const bySerial = groupedBy(certificates, serialKey)
  const roots = certificates.filter(({ role }) => role === 'root')
  const deviceCas = certificates.filter(({ role }) => role === 'device-ca')
  const caBySpki = groupedBy([...roots, ...deviceCas], ({ key }) => keyOf(key.spki))
  const issuers = new Map<LintItem, LintCertificate | null>()
  const named = (issuer: Uint8Array) => (bySubject.get(hex(issuer)) ?? []).slice(0, MAX_OF_ONE_NAME)
  return {
    now,
    factory: factory ?? factoryOf(roots),
    roots,
    deviceCas,
    issuerOf: (item) => {
      const cached = issuers.get(item)
      if (cached !== undefined) return cached
      const candidates = named(issuerName(item))
      const issuer = candidates.find(({ key }) => verifies(item, key.object) === true) ?? candidates[0] ?? null
      // Cached, because several rules need it and each lookup verifies signatures.
      issuers.set(item, issuer)
      return issuer
    },
    earlierWithSerial: (item) => {
      const [first] = bySerial.get(serialKey(item)) ?? []
      return first === undefined || sameOctets(first.der, item.der) ? null : first
    },
    caWithKey: (spki, subject) =>
      (caBySpki.get(keyOf(spki)) ?? []).find((ca) => !sameOctets(ca.subject.der, subject)) ?? null,
  }
}

/** Identifies a key, whatever the form of its point. */
function keyOf(spki: Uint8Array): string {
  return hex(attempt(() => uncompressedSpki(spki)) ?? spki)
}

function issuerName(item: LintCertificate | LintCrl): Uint8Array {
  return (item.kind === 'crl' ? item.crl.issuer : item.issuer).der
}

function serialKey({ issuer, serial }: LintCertificate): string {
  return `${serial.value} ${hex(issuer.der)}`
}

/** The factory that all roots name; null when they differ. */
function factoryOf(roots: readonly LintCertificate[]): string | null {
  const [only, ...more] = new Set(roots.flatMap(({ subject }) => attributeValues(subject, 'OU')))
  return more.length === 0 ? (only ?? null) : null
}

function groupedBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}
