import { attributeValues } from '../pki/name.js'
import { sameOctets } from '../pki/octets.js'
import { uncompressedSpki } from '../pki/public-key.js'
import type { LintCertificate, LintCrl, LintItem } from './model.js'
import { attempt } from './parts.js'
import { verifies } from './signature.js'

/** What a rule knows beside the thing that it looks at. */
export interface LintContext {
  readonly now: Date
  /** null: nobody named it, and there is no root that does. */
  readonly factory: string | null
  readonly roots: readonly LintCertificate[]
  readonly deviceCas: readonly LintCertificate[]
  /** Who signed it: of those that are called so the one whose key verifies it, else the first; null: none is known. */
  issuerOf(item: LintCertificate | LintCrl): LintCertificate | null
  /** Another certificate that has the same issuer and serial number, and came before. */
  earlierWithSerial(item: LintCertificate): LintCertificate | null
  /** The CA, other than the one that is called `subject`, whose key this is. */
  caWithKey(spki: Uint8Array, subject: Uint8Array): LintCertificate | null
}

/** Nobody has more CAs of one name; a file that does must not keep fpki busy. */
const MAX_OF_ONE_NAME = 20

/**
 * Looks at all that is known at once.
 *
 * @param items what is linted and what stands beside it, in order
 * @param factory null: the one that the roots name, when they agree
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
      const known = issuers.get(item)
      if (known !== undefined) return known
      const candidates = named(issuerName(item))
      const issuer = candidates.find(({ key }) => verifies(item, key.object) === true) ?? candidates[0] ?? null
      // Several rules ask, and each answer is a signature to verify.
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

/** The key, in whichever form its point is. */
function keyOf(spki: Uint8Array): string {
  return hex(attempt(() => uncompressedSpki(spki)) ?? spki)
}

function issuerName(item: LintCertificate | LintCrl): Uint8Array {
  return (item.kind === 'crl' ? item.crl.issuer : item.issuer).der
}

function serialKey({ issuer, serial }: LintCertificate): string {
  return `${serial.value} ${hex(issuer.der)}`
}

/** The factory that all roots name; null when they do not agree. */
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
