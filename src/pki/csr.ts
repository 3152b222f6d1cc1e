import { FpkiError } from '../errors.js'
import {
  ANY,
  type Der,
  parseDer,
  rawDer,
  readInteger,
  readObjectIdentifier,
  readOctetBitString,
  sequenceMembers,
  setMembers,
  taggedMembers,
} from './der.js'
import { type Extension, type ParsedExtensions, parseExtensions, readExtensions } from './extensions.js'
import { foreignFormat } from './foreign-format.js'
import { type Name, readName } from './name.js'
import { type OidName, oidName } from './oids.js'
import { decodeOnePem } from './pem.js'
import { type PublicKey, readPublicKey } from './public-key.js'
import { readAlgorithm } from './read-certificate.js'
import { isSignedBy, type Signed } from './signature.js'

/** A PKCS #10 request (RFC 2986) with a valid signature. */
export interface Csr {
  readonly subject: Name
  readonly publicKey: PublicKey
  /** The extensions that it asks for (RFC 2985, 5.4.2). */
  readonly extensions: readonly Extension[]
  readonly parsedExtensions: ParsedExtensions
  /** Types of attributes that fpki ignores, such as `challengePassword`. */
  readonly unusedAttributes: readonly string[]
}

/** Far larger than any real request. */
export const MAX_CSR_BYTES = 64 * 1024

/** certreq.exe and keytool write the second one (RFC 7468, section 7). */
const PEM_LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'] as const

/** Parses a request, PEM or DER, and verifies its signature. `what` names it in errors. Throws ERR_BAD_CSR. */
export function parseAndVerifyCsr(request: string | Uint8Array, what: string): Csr {
  try {
    const csr = readUnverifiedCsr(request)
    return verifyCsr(csr, readPublicKey(csr.spki))
  } catch (cause) {
    throw badCsr(what, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** A parsed request whose key and signature nobody has looked at yet. */
export interface UnverifiedCsr extends Omit<Csr, 'publicKey'> {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** Throws a plain Error when the algorithm or the signature cannot be read. */
  signed(): Signed
}

/** Parses a request, PEM or DER. Throws a plain Error, whose message is a clause about "it". */
export function readUnverifiedCsr(request: string | Uint8Array): UnverifiedCsr {
  if (request.length > MAX_CSR_BYTES) throw new Error(`it is larger than ${MAX_CSR_BYTES} bytes`)
  const foreign = typeof request === 'string' ? null : foreignFormat(request)
  if (foreign !== null) throw new Error(foreign)
  // The PEM parser's errors begin with the name.
  const der = typeof request === 'string' ? decodeOnePem(PEM_LABELS, request, 'it') : request
  const [info, signatureAlgorithm, signature] = sequenceMembers(parseDer(der), 3)
  return {
    ...readUnverifiedInfo(info),
    // Not read yet: a problem of the key is reported first.
    signed: () => ({
      tbs: rawDer(info),
      algorithm: readAlgorithm(signatureAlgorithm),
      signature: readOctetBitString(signature),
    }),
  }
}

/** Verifies the signature of a request with its key. Throws a plain Error, as {@link readUnverifiedCsr} does. */
export function verifyCsr({ spki: _, signed, ...csr }: UnverifiedCsr, publicKey: PublicKey): Csr {
  if (!isSignedBy(signed(), publicKey)) throw new Error('its signature does not verify')
  return { ...csr, publicKey }
}

/** The error for a request that fpki refuses to sign. */
export function badCsr(what: string, reason: string, cause?: unknown): FpkiError {
  return new FpkiError(
    'ERR_BAD_CSR',
    `Refusing to sign ${what}: ${reason.replace(/\.$/, '')}.`,
    'Inspect the request with `openssl req -text -verify`, and ask its author for a new one.',
    { cause },
  )
}

/** Parses a CertificationRequestInfo (DER) that is not signed yet. Throws a plain Error. */
export function readRequestInfo(der: Uint8Array): Csr {
  const { spki, ...csr } = readUnverifiedInfo(parseDer(der))
  return { ...csr, publicKey: readPublicKey(spki) }
}

function readUnverifiedInfo(value: Der | undefined): Omit<UnverifiedCsr, 'signed'> {
  const [version, subject, spki, attributes] = sequenceMembers(value, 3, 4)
  if (readInteger(version) !== 0n) throw new Error('its version is not 1')
  const { requests, unused } = readAttributes(attributes)
  if (requests.length > 1) throw new Error('it has more than one extension request')
  const extensions = requests[0] === undefined ? [] : readExtensions(requests[0])
  return {
    subject: readName(subject),
    spki: rawDer(spki),
    extensions,
    parsedExtensions: parseExtensions(extensions),
    unusedAttributes: unused,
  }
}

/** PKCS #9's attribute (RFC 2985, 5.4.2) and Microsoft's szOID_CERT_EXTENSIONS, which OpenSSL reads too. */
const EXTENSION_REQUESTS: readonly string[] = ['extensionRequest', 'msExtensionRequest'] satisfies readonly OidName[]

/**
 * The attributes of a request (RFC 2986, 4.1): its extension requests, and the types of all others. Throws a plain Error
 * when they cannot be parsed.
 */
export function readAttributes(attributes: Der | undefined): {
  readonly requests: readonly Der[]
  readonly unused: readonly string[]
} {
  const members = attributes === undefined ? [] : taggedMembers(attributes, 0, 0, ANY)
  const read = members.map((attribute) => {
    const [type, values] = sequenceMembers(attribute, 2)
    return { type: oidName(readObjectIdentifier(type)), values }
  })
  const isRequest = ({ type }: { readonly type: string }) => EXTENSION_REQUESTS.includes(type)
  return {
    requests: read.filter(isRequest).flatMap(({ values }) => setMembers(values)),
    unused: read.filter((attribute) => !isRequest(attribute)).map(({ type }) => type),
  }
}
