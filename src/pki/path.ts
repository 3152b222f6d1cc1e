import { webcrypto } from 'node:crypto'
import {
  BasicConstraints,
  CertificateChainValidationEngine,
  CryptoEngine,
  Certificate as PkijsCertificate,
} from 'pkijs'
import { FpkiError } from '../errors.js'
import type { Certificate } from './read-certificate.js'

/** What a certificate is held against. */
export interface PathAnchor {
  /** Trusted as it is; nobody but the caller can say that it is the right one. */
  readonly root: Certificate
  /** CAs that may stand between. */
  readonly between?: readonly Certificate[]
  readonly at: Date
}

/** Extensions that may be critical: fpki or pkijs looks at what they say. By their identifiers (RFC 5280, 4.2.1). */
const UNDERSTOOD = new Set([
  ...['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.30'],
  ...['2.5.29.32', '2.5.29.33', '2.5.29.36', '2.5.29.37', '2.5.29.54'],
])

/**
 * Why there is no valid path (RFC 5280, 6.1) from `certificate` to the root; null: there is one. pkijs finds and
 * validates it; it looks neither at pathLenConstraint nor at critical extensions of the last certificate, so that is
 * done here. Loads pkijs, which is large: import this file when it is needed.
 *
 * @throws FpkiError ERR_BAD_CERTIFICATE when pkijs cannot read one of them
 */
export async function pathProblem(
  certificate: Certificate,
  { root, between = [], at }: PathAnchor,
): Promise<string | null> {
  const crypto = new CryptoEngine({ name: 'node', crypto: webcrypto })
  const engine = new CertificateChainValidationEngine({
    trustedCerts: [read(root)],
    // The last one is the one that is validated.
    certs: [...between, certificate].map(read),
    checkDate: at,
  })
  const { result, resultMessage, certificatePath = [] } = await engine.verify({}, crypto)
  if (!result) return inWords(resultMessage)
  return notUnderstood(certificatePath) ?? tooLong(certificatePath)
}

function read({ der }: Certificate): PkijsCertificate {
  try {
    return PkijsCertificate.fromBER(Uint8Array.from(der))
  } catch (cause) {
    const hint = 'Look at it with `openssl x509 -text`, and get it again from where it was made.'
    throw new FpkiError('ERR_BAD_CERTIFICATE', 'pkijs cannot read a certificate that OpenSSL can.', hint, { cause })
  }
}

/** pkijs's sentences, some of which end in a full stop. */
function inWords(message: string): string {
  const text = message.replace(/\.$/, '')
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** RFC 5280, 6.1.4 (o) and 6.1.5 (f); and what pkijs takes for empty because it could not read it. */
function notUnderstood(path: readonly PkijsCertificate[]): string | null {
  const extensions = path.flatMap((certificate) => certificate.extensions ?? [])
  const unknown = extensions.find(({ critical, extnID }) => critical && !UNDERSTOOD.has(extnID))
  if (unknown !== undefined) return `a critical extension is not understood, ${unknown.extnID}`
  const broken = extensions.find(({ parsedValue }) => parsedValue?.parsingError !== undefined)
  return broken === undefined ? null : `an extension is broken, ${broken.extnID}`
}

/** RFC 5280, 6.1.4 (l) and (m); the path begins with the certificate that is validated. */
function tooLong(path: readonly PkijsCertificate[]): string | null {
  const isBroken = path.some((ca, index) => {
    const limit = pathLength(ca)
    const below = path.slice(1, index).filter(({ subject, issuer }) => !subject.isEqual(issuer)).length
    return index > 0 && limit !== null && below > limit
  })
  return isBroken ? 'more CAs follow than a path length allows' : null
}

function pathLength({ extensions = [] }: PkijsCertificate): number | null {
  const value = extensions.map(({ parsedValue }) => parsedValue).find((parsed) => parsed instanceof BasicConstraints)
  const limit = value?.pathLenConstraint
  return typeof limit === 'number' ? limit : null
}
