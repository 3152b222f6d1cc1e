import { FpkiError } from '../../errors.js'
import { type Finding, lint, readFileItems } from '../../lint/index.js'
import { rfc3339 } from '../../pki/describe.js'
import { attributeValues, formatName } from '../../pki/name.js'
import { isSelfIssued } from '../../pki/path-validation/self-issued.js'
import { formatKeyType, isCompressed } from '../../pki/public-key.js'
import { type Certificate, isIssuedBy } from '../../pki/read-certificate.js'

/** What a root certificate from elsewhere is held against. */
export interface RootPolicy {
  /** Names the certificate in messages: its path. */
  readonly what: string
  readonly factory: string
  readonly now: Date
}

/** The extensions that devices support, and that may therefore be critical. */
const KNOWN: readonly string[] = ['basicConstraints', 'keyUsage', 'extKeyUsage', 'subjectKeyIdentifier']

/** What {@link oddities} say in more words. */
const IN_WORDS: readonly string[] = ['subject-not-utf8', 'common-name-missing', 'ca-subject-key-id-missing']

/**
 * Can a certificate be the root of trust of a factory (docs/profile.md#root)? It must be a CA for an EC key that may sign device
 * CAs and CRLs, belong to this factory, be valid now, and have no lint errors. `ca verify` and `ca restore` apply
 * the same rules to it later, and the root can be set only once.
 *
 * @returns its unusual properties, a sentence each
 * @throws FpkiError ERR_BAD_CERTIFICATE with the first reason that it cannot
 */
export function acceptRoot(certificate: Certificate, policy: RootPolicy): readonly string[] {
  const findings = lintFindings(certificate, policy)
  const problem =
    caProblem(certificate) ??
    unitProblem(certificate, policy) ??
    timeProblem(certificate, policy.now) ??
    lintProblem(findings)
  if (problem === null) return [...oddities(certificate, policy.what), ...lintWarnings(findings, policy.what)]
  throw new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `${policy.what} cannot be the root of trust of ${policy.factory}: ${problem.reason}.`,
    problem.hint ?? 'Nothing was changed. Have it issued again; docs/roots.md lists the requirements.',
    problem.option === undefined ? {} : { option: problem.option },
  )
}

interface Problem {
  readonly reason: string
  readonly hint?: string
  readonly option?: 'factory'
}

function lintFindings({ der }: Certificate, { what, factory, now }: RootPolicy): readonly Finding[] {
  return lint(readFileItems(der, what, 'root').items, [], { factory, now }).findings
}

function lintProblem(findings: readonly Finding[]): Problem | null {
  const error = findings.find(({ severity }) => severity === 'error')
  return error === undefined ? null : { reason: `${error.reason} (${error.code})` }
}

function lintWarnings(findings: readonly Finding[], what: string): readonly string[] {
  const odd = findings.filter(({ code, severity }) => severity === 'warning' && !IN_WORDS.includes(code))
  return odd.map(
    ({ reason, code }) => `${what} differs from the roots that fpki creates, but works: ${reason} (${code}).`,
  )
}

function caProblem(certificate: Certificate): Problem | null {
  const { publicKey, parsedExtensions } = certificate
  const { basicConstraints, keyUsage, extKeyUsage } = parsedExtensions
  if (publicKey.kind !== 'EC') {
    const hint = 'Devices, tokens and gateways support only EC P-256, P-384 and P-521.'
    return { reason: `its key is ${formatKeyType(publicKey)}, but must be EC`, hint }
  }
  if (isCompressed(publicKey.spki)) {
    const hint =
      'Have the certificate issued again for the same key with an uncompressed point: `openssl ec -conv_form uncompressed`.'
    return { reason: 'its key is a compressed point, which devices do not support', hint }
  }
  if (!basicConstraints?.ca) return { reason: 'it is not a CA (basicConstraints lacks CA:TRUE)' }
  if (basicConstraints.pathLenConstraint === 0) {
    return { reason: 'its pathLen is 0, so it cannot issue device CAs; pathLen must be at least 1, or absent' }
  }
  const missing = (['keyCertSign', 'cRLSign'] as const).filter((usage) => !keyUsage?.includes(usage))
  if (missing.length > 0) return { reason: `its keyUsage lacks ${missing.join(' and ')}` }
  const purposes = ['serverAuth', 'clientAuth'].filter((purpose) => extKeyUsage?.includes(purpose) === false)
  if (purposes.length > 0) {
    return {
      reason: `its extKeyUsage lacks ${purposes.join(' and ')}, so certificates that it signs cannot be used for TLS`,
    }
  }
  const isForged = isSelfIssued(certificate) && !isIssuedBy(certificate, certificate)
  return isForged ? { reason: 'it is self-issued, but its signature does not verify' } : null
}

function unitProblem({ subject }: Certificate, { factory }: RootPolicy): Problem | null {
  const units = attributeValues(subject, 'OU')
  if (units.length === 1 && units[0] === factory) return null
  const actual = units.length === 0 ? 'no OU' : units.map((unit) => `OU=${unit}`).join(', ')
  const hint = 'Nothing was changed. If the certificate is right, pass its factory.'
  return { reason: `its subject has ${actual}, but must have OU=${factory} exactly once`, hint, option: 'factory' }
}

function timeProblem({ notBefore, notAfter }: Certificate, now: Date): Problem | null {
  if (now > notAfter) return { reason: `it expired on ${rfc3339(notAfter)}` }
  return now < notBefore ? { reason: `it is not valid before ${rfc3339(notBefore)}` } : null
}

function oddities(certificate: Certificate, what: string): readonly string[] {
  const { subject, issuer, parsedExtensions, extensions } = certificate
  const names = attributeValues(subject, 'CN')
  const encodings = new Set(
    subject.attributes.map(({ encoding }) => encoding).filter((encoding) => encoding !== 'UTF8String'),
  )
  const unknown = extensions.filter(({ type, critical }) => critical && !KNOWN.includes(type)).map(({ type }) => type)
  const when = (holds: boolean, text: string) => (holds ? [text] : [])
  return [
    ...when(
      names.join() !== 'Factory-CA',
      `The subject of ${what} has ${names.length === 0 ? 'no CN' : `CN=${names.join(', CN=')}`}; the usual CN of a root is Factory-CA.`,
    ),
    ...when(
      encodings.size > 0,
      `The subject of ${what} is not all UTF8String but ${[...encodings].join(', ')}; devices with mbedTLS may reject it.`,
    ),
    ...when(
      parsedExtensions.subjectKeyIdentifier === null,
      `${what} has no subjectKeyIdentifier; software that enforces RFC 5280 strictly rejects it.`,
    ),
    ...when(
      unknown.length > 0,
      `${what} has the critical extension ${unknown.join(', ')}, which devices may not support.`,
    ),
    ...when(
      !isSelfIssued(certificate),
      `${what} is signed by ${formatName(issuer)}; fpki did not check that signature. The certificate itself becomes the trust anchor, which OpenSSL accepts with -partial_chain.`,
    ),
  ]
}
