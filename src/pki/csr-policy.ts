import { domainToASCII } from 'node:url'
import { badCsr, type Csr } from './csr.js'
import { formatGeneralName, type GeneralName } from './extensions.js'
import { attributeValues, type Name } from './name.js'
import { equivalentNames } from './name-comparison.js'
import { nameProblem } from './name-strings.js'
import type { Profile } from './profiles.js'
import { isCompressed, type PublicKey, rsaWeakness, sameKey } from './public-key.js'

/** What a request is checked against before it is signed (docs/profile.md#csr-checks). */
export interface CsrPolicy {
  /** Names the request in messages, `tls-csr` for instance. */
  readonly what: string
  readonly profile: Profile
  readonly factory: string
  /** The signer's name, which the request must not use. */
  readonly issuer: Name
  /** The types of names that a server certificate may carry: DNS and IP for the gateway (docs/profile.md#subject-alt-name). */
  readonly nameTypes: readonly GeneralName['type'][]
  /** Keys that this request must not use: the root's and the CAs', with their owners. */
  readonly takenKeys: readonly { readonly owner: string; readonly publicKey: PublicKey }[]
}

/** A request that the policy accepts. */
export interface AcceptedCsr {
  readonly csr: Csr
  /** For subjectAltName. */
  readonly names: readonly GeneralName[]
  /** One sentence each. */
  readonly warnings: readonly string[]
}

/** RFC 1123 host names, plus `_`, and `*` as the whole first label. */
const DNS_NAME =
  /^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/

/** The characters of host names in any script. */
const HOST_CHARACTERS = /^[A-Za-z0-9_.*\u0080-\u{10ffff}-]+$/u

/** Whether `name` is a DNS name that a certificate can carry. */
export function isDnsName(name: string): boolean {
  // Resolvers take a name whose last label is numeric for an IPv4 address (RFC 1123, 2.1).
  return name.length <= 253 && DNS_NAME.test(name) && !/(^|\.)\d+$/.test(name)
}

/** `name` in lower-case ASCII form (RFC 5891); null when it is not a DNS name. */
export function toDnsName(name: string): string | null {
  // domainToASCII parses URL hosts: it would truncate `a.example/path` and decode `%2e`.
  const ascii = isDnsName(name) ? name.toLowerCase() : HOST_CHARACTERS.test(name) ? domainToASCII(name) : ''
  return isDnsName(ascii) ? ascii : null
}

/** Applies `policy` to a request. Throws ERR_BAD_CSR with the reason when it is rejected. */
export function acceptCsr(csr: Csr, policy: CsrPolicy): AcceptedCsr {
  const { what, profile, takenKeys } = policy
  const isTls = profile.extensions.some(({ type }) => type === 'subjectAltName')
  const owner = takenKeys.find(({ publicKey }) => sameKey(publicKey, csr.publicKey))?.owner
  if (owner !== undefined) throw badCsr(what, `it uses the key of ${owner}`)
  checkKey(csr, isTls, what)
  // Clients build chains by name: with the issuer's name, they would try this certificate as the issuer.
  if (equivalentNames(csr.subject, policy.issuer))
    throw badCsr(what, "its subject equals the issuer's name (compared as RFC 5280, section 7.1 requires)")
  if (!isTls && csr.subject.attributes.length === 0) throw badCsr(what, 'its subject is empty, and a CA needs one')
  const broken = nameProblem(csr.subject)
  if (broken !== null) throw badCsr(what, `in its subject, ${broken}`)
  const names = isTls ? tlsNames(csr, policy) : []
  return { csr, names, warnings: [...unitWarnings(csr, policy), ...ignoredWarnings(csr, policy, isTls)] }
}

function checkKey({ publicKey }: Csr, isTls: boolean, what: string): void {
  if (publicKey.kind === 'EC') {
    // RFC 5480, 2.2 requires support for the uncompressed form only.
    if (isCompressed(publicKey.spki)) throw badCsr(what, 'its key is a compressed point, which devices do not support')
    return
  }
  if (!isTls) throw badCsr(what, 'its key is RSA, and a device CA needs EC P-256, P-384 or P-521')
  const weakness = rsaWeakness(publicKey)
  if (weakness !== null) throw badCsr(what, weakness)
}

/** Whether a value is a valid name of its type. */
const IS_NAME: Readonly<Record<GeneralName['type'], (value: string) => boolean>> = {
  DNS: isDnsName,
  IP: (value) => /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f]{4}(:[0-9a-f]{4}){7})$/.test(value),
  URI: (value) => /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/.test(value),
  email: (value) => /^[!-?A-~]+@[!-?A-~]+$/.test(value),
  other: () => false,
}

function tlsNames(csr: Csr, { what, nameTypes }: CsrPolicy): readonly GeneralName[] {
  const names = (csr.parsedExtensions.subjectAltName ?? []).filter(({ type }) => nameTypes.includes(type))
  const broken = names.find(({ type, value }) => !IS_NAME[type](value))
  if (broken !== undefined)
    throw badCsr(what, `it requests ${JSON.stringify(broken.value)}, which is not a valid ${NAME_WORDS[broken.type]}`)
  const folded = names.map((name) => formatGeneralName(name).toLowerCase())
  const repeated = names.filter((_, at) => folded.filter((name) => name === folded[at]).length > 1)
  if (repeated.length > 0)
    throw badCsr(what, `it requests a name more than once: ${repeated.map(formatGeneralName).join(', ')}`)
  if (names.length === 0 && attributeValues(csr.subject, 'CN').length === 0)
    throw badCsr(what, 'it names no server, neither in its subject nor in subjectAltName')
  return names
}

const NAME_WORDS: Readonly<Record<GeneralName['type'], string>> = {
  DNS: 'DNS name',
  IP: 'IP address',
  URI: 'URI',
  email: 'e-mail address',
  other: 'name of a supported type',
}

function unitWarnings(csr: Csr, { what, factory }: CsrPolicy): readonly string[] {
  return attributeValues(csr.subject, 'OU')
    .filter((unit) => unit !== factory)
    .map((unit) => `The subject of ${what} has OU=${unit}; the factory is ${factory}.`)
}

function pathLengthWarning({ parsedExtensions }: Csr, { what, profile }: CsrPolicy): readonly string[] {
  const spec = profile.extensions.find(({ type }) => type === 'basicConstraints')
  const requested = parsedExtensions.basicConstraints?.pathLenConstraint ?? null
  if (spec?.type !== 'basicConstraints' || requested === null || requested === spec.pathLenConstraint) return []
  const limit = spec.pathLenConstraint === null ? 'no pathLen' : `pathLen ${spec.pathLenConstraint}`
  return [`${what} requests pathLen ${requested}; the ${profile.name} certificate will have ${limit}.`]
}

/** The usages that a request asks for and its profile does not include. */
function unavailableUsages({ parsedExtensions }: Csr, { extensions }: Profile): readonly string[] {
  const included = extensions.flatMap((spec): readonly string[] => {
    if (spec.type === 'keyUsage') return spec.usages
    return spec.type === 'extKeyUsage' ? spec.purposes : []
  })
  const hasPurposes = extensions.some(({ type }) => type === 'extKeyUsage')
  const requested = [...(parsedExtensions.keyUsage ?? []), ...(hasPurposes ? (parsedExtensions.extKeyUsage ?? []) : [])]
  return requested.filter((usage) => !included.includes(usage))
}

function ignoredWarnings(csr: Csr, policy: CsrPolicy, isTls: boolean): readonly string[] {
  const { what, profile, nameTypes } = policy
  const warnings: string[] = []
  const attributes = [...new Set(csr.unusedAttributes)].join(', ')
  if (attributes !== '') warnings.push(`${what} has attributes that fpki ignores: ${attributes}.`)
  warnings.push(...pathLengthWarning(csr, policy))
  const included = new Set<string>(profile.extensions.map(({ type }) => type))
  const extensions = csr.extensions.map(({ type }) => type).filter((type) => !included.has(type))
  for (const type of [...unavailableUsages(csr, profile), ...extensions])
    warnings.push(`${what} requests ${type}, which the ${profile.name} certificate will not have.`)
  if (!isTls) return warnings
  const names = csr.parsedExtensions.subjectAltName ?? []
  const ignoredNames = names.filter(({ type }) => !nameTypes.includes(type))
  for (const { type, value } of ignoredNames)
    warnings.push(`${what} requests the name ${type}:${value}; fpki does not issue names of this type.`)
  if (names.length === ignoredNames.length)
    warnings.push(`${what} requests no DNS name; clients that check only subjectAltName will reject the certificate.`)
  return warnings
}
