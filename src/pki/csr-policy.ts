import { domainToASCII } from 'node:url'
import { badCsr, type Csr } from './csr.js'
import { formatGeneralName, type GeneralName } from './extensions.js'
import { attributeValues, type Name } from './name.js'
import { equivalentNames } from './name-comparison.js'
import { nameProblem } from './name-strings.js'
import type { Profile } from './profiles.js'
import { isCompressed, type PublicKey, sameKey } from './public-key.js'

/** What a request is checked against before it is signed (contract.md 6). */
export interface CsrPolicy {
  /** Names the request in messages, `tls-csr` for instance. */
  readonly what: string
  readonly profile: Profile
  readonly factory: string
  /** The name of whoever signs; nobody else may have it. */
  readonly issuer: Name
  /** The kinds of names that a server certificate gets: the gateway's has DNS names and IP addresses (contract.md 3). */
  readonly nameTypes: readonly GeneralName['type'][]
  /** The keys that this request must not have, each with its owner: the root's and the CAs'. */
  readonly takenKeys: readonly { readonly owner: string; readonly publicKey: PublicKey }[]
}

/** A request that may be signed. */
export interface AcceptedCsr {
  readonly csr: Csr
  /** For subjectAltName. */
  readonly names: readonly GeneralName[]
  /** What is odd about it, a sentence each. */
  readonly warnings: readonly string[]
}

/** RFC 1123 host names, with `_` as some networks use it, and `*` as the whole first label. */
const DNS_NAME =
  /^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/

/** What a host name in any script is made of. */
const HOST_CHARACTERS = /^[A-Za-z0-9_.*\u0080-\u{10ffff}-]+$/u

/** Is `name` a DNS name that a certificate can carry? */
export function isDnsName(name: string): boolean {
  // A name of digits at its end is an IPv4 address to every resolver (RFC 1123, 2.1).
  return name.length <= 253 && DNS_NAME.test(name) && !/(^|\.)\d+$/.test(name)
}

/** `name` in its ASCII form (RFC 5891), in lower case; null when it is no DNS name. */
export function toDnsName(name: string): string | null {
  // domainToASCII reads a host as URLs have it: it would cut `a.example/path` and decode `%2e`.
  const ascii = isDnsName(name) ? name.toLowerCase() : HOST_CHARACTERS.test(name) ? domainToASCII(name) : ''
  return isDnsName(ascii) ? ascii : null
}

/** Decides whether `csr` is signed. Throws ERR_BAD_CSR with the reason when it is not. */
export function acceptCsr(csr: Csr, policy: CsrPolicy): AcceptedCsr {
  const { what, profile, takenKeys } = policy
  const isTls = profile.extensions.some(({ type }) => type === 'subjectAltName')
  const owner = takenKeys.find(({ publicKey }) => sameKey(publicKey, csr.publicKey))?.owner
  if (owner !== undefined) throw badCsr(what, `its key is the key of ${owner}`)
  checkKey(csr, isTls, what)
  // A chain is built by names: with the issuer's own, clients would look for its signature in the wrong certificate.
  if (equivalentNames(csr.subject, policy.issuer))
    throw badCsr(what, "its subject is the issuer's own name, as RFC 5280, section 7.1 compares names")
  if (!isTls && csr.subject.attributes.length === 0) throw badCsr(what, 'it has no subject, and a CA needs one')
  const broken = nameProblem(csr.subject)
  if (broken !== null) throw badCsr(what, `in its subject, ${broken}`)
  const names = isTls ? tlsNames(csr, policy) : []
  return { csr, names, warnings: [...unitWarnings(csr, policy), ...ignoredWarnings(csr, policy, isTls)] }
}

function checkKey({ publicKey }: Csr, isTls: boolean, what: string): void {
  if (publicKey.kind === 'EC') {
    // RFC 5480, 2.2: others than the uncompressed form need not be understood, and devices do not.
    if (isCompressed(publicKey.spki)) throw badCsr(what, 'its key is a compressed point, which devices do not read')
    return
  }
  if (!isTls) throw badCsr(what, 'its key is RSA, and a device CA needs EC P-256, P-384 or P-521')
  if (publicKey.bits < 2048) throw badCsr(what, `its RSA key of ${publicKey.bits} bits is too weak; 2048 is the least`)
  // FIPS 186-5, A.1.1; with 1 a signature is the message itself.
  if (publicKey.exponent < 65_537n || publicKey.exponent % 2n === 0n)
    throw badCsr(what, `its RSA key has the public exponent ${publicKey.exponent}`)
}

/** What a name of each kind is made of; anything else is no name of that kind. */
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
    throw badCsr(what, `it asks for ${JSON.stringify(broken.value)}, which is no ${NAME_WORDS[broken.type]}`)
  const folded = names.map((name) => formatGeneralName(name).toLowerCase())
  const twice = names.filter((_, at) => folded.filter((name) => name === folded[at]).length > 1)
  if (twice.length > 0) throw badCsr(what, `it asks for a name twice: ${twice.map(formatGeneralName).join(', ')}`)
  if (names.length === 0 && attributeValues(csr.subject, 'CN').length === 0) throw badCsr(what, 'it has no name')
  return names
}

const NAME_WORDS: Readonly<Record<GeneralName['type'], string>> = {
  DNS: 'DNS name',
  IP: 'IP address',
  URI: 'URI',
  email: 'e-mail address',
  other: 'name of a known kind',
}

function unitWarnings(csr: Csr, { what, factory }: CsrPolicy): readonly string[] {
  return attributeValues(csr.subject, 'OU')
    .filter((unit) => unit !== factory)
    .map((unit) => `The subject of ${what} says OU=${unit}, which is not the factory, ${factory}.`)
}

function pathLengthWarning({ parsedExtensions }: Csr, { what, profile }: CsrPolicy): readonly string[] {
  const given = profile.extensions.find((spec) => spec.type === 'basicConstraints')
  const asked = parsedExtensions.basicConstraints?.pathLenConstraint ?? null
  if (given?.type !== 'basicConstraints' || asked === null || asked === given.pathLenConstraint) return []
  return [
    `${what} asks for the path length ${asked}; a ${profile.name} certificate has ${given.pathLenConstraint ?? 'none'}.`,
  ]
}

/** The usages that a request asks for and its profile does not give. */
function unavailableUsages({ parsedExtensions }: Csr, { extensions }: Profile): readonly string[] {
  const given = extensions.flatMap((spec): readonly string[] => {
    if (spec.type === 'keyUsage') return spec.usages
    return spec.type === 'extKeyUsage' ? spec.purposes : []
  })
  const givesPurposes = extensions.some(({ type }) => type === 'extKeyUsage')
  const asked = [...(parsedExtensions.keyUsage ?? []), ...(givesPurposes ? (parsedExtensions.extKeyUsage ?? []) : [])]
  return asked.filter((usage) => !given.includes(usage))
}

function ignoredWarnings(csr: Csr, policy: CsrPolicy, isTls: boolean): readonly string[] {
  const { what, profile, nameTypes } = policy
  const attributes = [...new Set(csr.unusedAttributes)].join(', ')
  const given = new Set<string>(profile.extensions.map(({ type }) => type))
  const ignored = csr.extensions.map(({ type }) => type).filter((type) => !given.has(type))
  const others = (csr.parsedExtensions.subjectAltName ?? []).filter(({ type }) => isTls && !nameTypes.includes(type))
  return [
    ...(attributes === '' ? [] : [`${what} has attributes that fpki ignores: ${attributes}.`]),
    ...pathLengthWarning(csr, policy),
    ...unavailableUsages(csr, profile).map(
      (usage) => `${what} asks for the usage ${usage}, which a ${profile.name} certificate does not get.`,
    ),
    ...ignored.map((type) => `${what} asks for ${type}, which a ${profile.name} certificate does not get.`),
    ...others.map(({ type, value }) => `${what} asks for the name ${type}:${value}; names of this kind are not given.`),
    ...(isTls && (csr.parsedExtensions.subjectAltName ?? []).length === others.length
      ? [`${what} asks for no DNS name; clients that look at subjectAltName only will not accept the certificate.`]
      : []),
  ]
}
