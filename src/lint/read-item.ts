import { readAttributes } from '../pki/csr.js'
import { ANY, type Der, parseDer, rawDer, readOctetBitString, sequenceMembers, TAG, taggedMembers } from '../pki/der.js'
import { sameOctets } from '../pki/octets.js'
import { readCrl } from '../pki/read-crl.js'
import { toDer } from './ber.js'
import type { LintCertificate, LintCrl, LintItem, LintRequest, Place, Problem, Report, Role } from './model.js'
import {
  lenientAlgorithm,
  lenientExtensions,
  lenientInteger,
  lenientKey,
  lenientName,
  lenientParsedExtensions,
  lenientTime,
  reasonOf,
} from './parts.js'
import { roleOf } from './role.js'

/** The limit of other fpki commands, far larger than any real certificate or request. */
const MAX_BYTES = 64 * 1024

type Kind = 'certificate' | 'csr' | 'crl'

/** Parses a certificate, request or CRL. Never throws: what cannot be parsed is Unreadable. */
export function readItem(octets: Uint8Array, place: Place, profile: Role | null): LintItem {
  const problems: Problem[] = []
  const report: Report = (code, reason) => void problems.push({ code, reason })
  const unreadable = (der: Uint8Array): LintItem => ({ kind: 'unreadable', place, der, problems })
  try {
    const { der, isDer, trailing } = toDer(octets)
    if (!isDer) report('not-der', 'it is BER, not DER')
    if (trailing > 0) report('trailing-octets', `it has ${trailing} trailing octets`)
    const kind = kindOf(der)
    if (kind !== 'crl' && der.length > MAX_BYTES) {
      report('too-large', `it has ${der.length} octets; the limit is ${MAX_BYTES}`)
      return unreadable(der)
    }
    if (kind === 'certificate') return readCertificateItem(der, profile, { place, problems, report })
    return kind === 'csr'
      ? readRequestItem(der, profile, { place, problems, report })
      : readCrlItem(der, { place, problems, report })
  } catch (cause) {
    report('broken', reasonOf(cause))
    return unreadable(octets)
  }
}

interface Reading {
  readonly place: Place
  readonly problems: readonly Problem[]
  readonly report: Report
}

/** Distinguishes them by the types of their members. */
function kindOf(der: Uint8Array): Kind {
  const [tbs] = sequenceMembers(parseDer(der), 3)
  const members = sequenceMembers(tbs, 3, ANY)
  const tags = (members[0]?.tag === TAG.integer ? members.slice(1) : members).map(({ tag }) => tag)
  if (tags[0] === 0xa0) return 'certificate'
  const [first, second, third, fourth] = tags
  if (first !== TAG.sequence || second !== TAG.sequence) throw new Error('it is not a certificate, request or CRL')
  if (third === TAG.utcTime || third === TAG.generalizedTime) return 'crl'
  return third === TAG.sequence && fourth === TAG.sequence ? 'certificate' : 'csr'
}

function signedOf(der: Uint8Array, report: Report) {
  const [tbs, outer, signature] = sequenceMembers(parseDer(der), 3)
  return {
    tbs,
    outer,
    signed: { tbs: rawDer(tbs), algorithm: lenientAlgorithm(outer, report), signature: readOctetBitString(signature) },
  }
}

function readCertificateItem(
  der: Uint8Array,
  profile: Role | null,
  { place, problems, report }: Reading,
): LintCertificate {
  const { tbs, outer, signed } = signedOf(der, report)
  const members = [...sequenceMembers(tbs, 6, 10)]
  const version = members[0]?.tag === 0xa0 ? members.shift() : undefined
  const [serial, algorithm, issuer, validity, subject, spki, ...optional] = members
  const [notBefore, notAfter] = sequenceMembers(validity, 2)
  const wrapped = optional.find(({ tag }) => tag === 0xa3)
  const extensions = wrapped === undefined ? [] : lenientExtensions(taggedMembers(wrapped, 3, 1)[0], report)
  const read = {
    issuer: lenientName(issuer, 'issuer', report),
    subject: lenientName(subject, 'subject', report),
    parsedExtensions: lenientParsedExtensions(extensions, report),
  }
  return {
    kind: 'certificate',
    place,
    der,
    problems,
    ...signed,
    ...read,
    version: version === undefined ? 1 : versionOf(taggedMembers(version, 0, 1)[0], report),
    serial: lenientInteger(serial, report),
    isSameAlgorithm: sameOctets(rawDer(algorithm), rawDer(outer)),
    notBefore: lenientTime(notBefore),
    notAfter: lenientTime(notAfter),
    key: lenientKey(spki),
    extensions,
    role: profile ?? roleOf(read),
  }
}

function versionOf(value: Der | undefined, report: Report): number {
  return Number(lenientInteger(value, report).value) + 1
}

function readRequestItem(der: Uint8Array, profile: Role | null, { place, problems, report }: Reading): LintRequest {
  const { tbs, signed } = signedOf(der, report)
  const [version, subject, spki, attributes] = sequenceMembers(tbs, 3, 4)
  const { requests, unused } = readAttributes(attributes)
  if (requests.length > 1) report('extension-twice', 'it has more than one extension request')
  const extensions = requests[0] === undefined ? [] : lenientExtensions(requests[0], report)
  const parsedExtensions = lenientParsedExtensions(extensions, report)
  const isCa = parsedExtensions.basicConstraints?.ca || profile === 'device-ca' || profile === 'root'
  return {
    kind: 'csr',
    place,
    der,
    problems,
    ...signed,
    version: versionOf(version, report),
    subject: lenientName(subject, 'subject', report),
    key: lenientKey(spki),
    extensions,
    parsedExtensions,
    unusedAttributes: unused,
    role: isCa ? 'device-ca' : 'tls',
  }
}

/** CRLs are parsed strictly: an invalid one must not be used. */
function readCrlItem(der: Uint8Array, { place, problems, report }: Reading): LintItem {
  try {
    const crl = readCrl(der, 'it')
    const item: LintCrl = {
      kind: 'crl',
      place,
      der,
      problems,
      crl,
      tbs: crl.tbs,
      algorithm: crl.algorithm,
      signature: crl.signature,
    }
    return item
  } catch (cause) {
    report('crl-broken', reasonOf(cause).replace(/^it is not a valid CRL: /, ''))
    return { kind: 'unreadable', place, der, problems }
  }
}
