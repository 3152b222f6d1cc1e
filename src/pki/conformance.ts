import { sameOctets } from './octets.js'
import type { KeyUsage, Profile, ProfileExtension } from './profiles.js'
import { HASH_OF_CURVE, keyIdentifier } from './public-key.js'
import type { Certificate } from './read-certificate.js'

/** One thing that a finished certificate has otherwise than its profile. */
export interface Deviation {
  /** It does not do what the profile is for; else it works all the same. */
  readonly breaks: boolean
  /** A part of a sentence. */
  readonly text: string
}

const breaks = (text: string): Deviation => ({ breaks: true, text })
const differs = (text: string): Deviation => ({ breaks: false, text })

/**
 * How a finished certificate, whoever made it, deviates from its profile (contract.md 3), read off its octets. `issuer` is
 * itself for a root; null: unknown.
 */
export function deviations(
  certificate: Certificate,
  profile: Profile,
  issuer: Certificate | null,
): readonly Deviation[] {
  return [
    ...profile.extensions.flatMap((spec) => checkExtension(spec, certificate, profile, issuer)),
    ...checkOthers(certificate, profile),
    ...checkKey(certificate, profile),
    ...checkSignature(certificate, issuer),
    ...checkNames(certificate, profile),
    ...checkValidity(certificate, profile, issuer),
  ]
}

function isCaProfile({ extensions }: Profile): boolean {
  return extensions.some(({ type }) => type === 'basicConstraints')
}

function checkExtension(
  spec: ProfileExtension,
  certificate: Certificate,
  profile: Profile,
  issuer: Certificate | null,
): readonly Deviation[] {
  const extension = certificate.extensions.find(({ type }) => type === spec.type)
  if (extension === undefined) return withoutExtension(spec, profile)
  // Only what is to be critical is told: where a name stands in for an empty subject it is critical too.
  const critical = spec.critical && !extension.critical ? [differs(`${spec.type} is not critical`)] : []
  return [...critical, ...checkValue(spec, certificate, issuer)]
}

/** fioctl's servers have no subjectKeyIdentifier; nobody looks for one by it (contract.md 6). */
function withoutExtension({ type }: ProfileExtension, profile: Profile): readonly Deviation[] {
  if (type === 'subjectAltName') return [differs('it has no subjectAltName, and many clients look at nothing else')]
  const isMinor = type === 'extKeyUsage' || (type === 'subjectKeyIdentifier' && !isCaProfile(profile))
  return [isMinor ? differs(`it has no ${type}`) : breaks(`it has no ${type}`)]
}

function checkValue(spec: ProfileExtension, { known }: Certificate, issuer: Certificate | null): readonly Deviation[] {
  switch (spec.type) {
    case 'keyUsage':
      return compareUsages('keyUsage', spec.usages, known.keyUsage ?? [])
    case 'extKeyUsage':
      return compareUsages('extKeyUsage', spec.purposes, known.extKeyUsage ?? [])
    case 'basicConstraints':
      return checkConstraints(spec.pathLenConstraint, known.basicConstraints)
    case 'authorityKeyIdentifier':
      return checkAuthority(known.authorityKeyIdentifier, issuer)
    case 'subjectKeyIdentifier':
    case 'subjectAltName':
      return []
  }
}

function compareUsages(
  what: string,
  wanted: readonly (KeyUsage | string)[],
  has: readonly string[],
): readonly Deviation[] {
  const missing = wanted.filter((usage) => !has.includes(usage))
  const more = has.filter((usage) => !wanted.includes(usage))
  return [
    ...missing.map((usage) => breaks(`${what} lacks ${usage}`)),
    ...more.map((usage) => differs(`${what} has ${usage} too`)),
  ]
}

function checkConstraints(
  pathLength: number | null,
  has: Certificate['known']['basicConstraints'],
): readonly Deviation[] {
  if (!has?.ca) return [breaks('basicConstraints does not say CA')]
  if (has.pathLenConstraint === pathLength) return []
  const is = `its path length is ${has.pathLenConstraint ?? 'not limited'}, and not ${pathLength ?? 'unlimited'}`
  return [pathLength === null ? differs(is) : breaks(is)]
}

function checkAuthority(has: Uint8Array | null, issuer: Certificate | null): readonly Deviation[] {
  if (issuer === null) return []
  const wanted = issuer.known.subjectKeyIdentifier ?? keyIdentifier(issuer.spki)
  return sameOctets(has, wanted) ? [] : [breaks('authorityKeyIdentifier is not the root’s')]
}

/** basicConstraints that say CA:FALSE, as OpenSSL writes them, are harmless; CA:TRUE in a server is not. */
function checkOthers({ extensions, known }: Certificate, profile: Profile): readonly Deviation[] {
  const wanted = new Set<string>(profile.extensions.map(({ type }) => type))
  const others = extensions.filter(({ type }) => !wanted.has(type))
  return others.map(({ type, critical }) => {
    if (type === 'basicConstraints' && known.basicConstraints?.ca) return breaks('basicConstraints says CA')
    const isKnown = Object.keys(known).includes(type)
    return critical && !isKnown ? breaks(`it has ${type}, critical`) : differs(`it has ${type} too`)
  })
}

/** contract.md 6: EC for CAs; RSA of 2048 bits or more for servers. */
function checkKey({ publicKey }: Certificate, profile: Profile): readonly Deviation[] {
  if (publicKey.kind === 'EC') return []
  if (isCaProfile(profile)) return [breaks(`its key is RSA ${publicKey.bits}, and a CA needs an EC key`)]
  return publicKey.bits < 2048 ? [breaks(`its RSA key of ${publicKey.bits} bits is too weak`)] : []
}

function checkSignature({ signature }: Certificate, issuer: Certificate | null): readonly Deviation[] {
  const match = /^ecdsa-with-SHA(256|384|512)$/.exec(signature)
  if (match === null) return [breaks(`its signature is of an unsupported kind, ${signature}`)]
  if (issuer?.publicKey.kind !== 'EC') return []
  const wanted = HASH_OF_CURVE[issuer.publicKey.curve]
  return `sha${match[1]}` === wanted
    ? []
    : [differs(`it is signed with SHA-${match[1]}, and not ${wanted.replace('sha', 'SHA-')}`)]
}

/** CN before OU, both UTF8String: devices with mbedTLS need it so in the names of CAs (contract.md 3). */
function checkNames({ subject }: Certificate, profile: Profile): readonly Deviation[] {
  const others = subject.attributes.filter(({ encoding }) => encoding !== 'UTF8String')
  const types = subject.attributes.map(({ type }) => type).join()
  return [
    ...others.map(({ type, encoding }) => differs(`its ${type} is a ${encoding}, and not a UTF8String`)),
    ...(isCaProfile(profile) && types !== 'CN,OU'
      ? [differs(`its subject is of ${types || 'nothing'}, and not of CN,OU`)]
      : []),
  ]
}

function checkValidity(
  { notBefore, notAfter }: Certificate,
  profile: Profile,
  issuer: Certificate | null,
): readonly Deviation[] {
  const limit = new Date(notBefore)
  limit.setUTCFullYear(limit.getUTCFullYear() + profile.years)
  return [
    ...(notAfter > notBefore ? [] : [breaks('it ends before it begins')]),
    ...(notAfter > limit ? [differs(`it is for more than ${profile.years} years`)] : []),
    ...(issuer !== null && notAfter > issuer.notAfter ? [differs('it outlives the root')] : []),
  ]
}
