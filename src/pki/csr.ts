import { FpkiError } from '../errors.js'
import type { Signer } from '../ports.js'
import { algorithmIdentifier } from './algorithm.js'
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
import { bitString, explicit, integer, objectIdentifier, sequence, setOf } from './der-write.js'
import {
  dnsNames as asGeneralNames,
  type Extension,
  encodeCaConstraints,
  encodeExtension,
  encodeKeyUsage,
  encodeSubjectAltName,
  type KnownExtensions,
  knownExtensions,
  readExtensions,
} from './extensions.js'
import { type Name, readName } from './name.js'
import { oid, oidName } from './oids.js'
import { decodeOnePem, encodePem } from './pem.js'
import { type PublicKey, readPublicKey } from './public-key.js'
import { readAlgorithm } from './read-certificate.js'
import { isSignedBy } from './signature.js'

/** A PKCS #10 request (RFC 2986) whose signature holds. */
export interface Csr {
  readonly subject: Name
  readonly publicKey: PublicKey
  /** The extensions that it asks for (RFC 2985, 5.4.2). */
  readonly extensions: readonly Extension[]
  readonly known: KnownExtensions
}

const MAX_CSR_BYTES = 64 * 1024

/** Reads a request, PEM or DER, and verifies its signature. `what` names it in errors. Throws ERR_BAD_CSR. */
export function readCsr(request: string | Uint8Array, what: string): Csr {
  try {
    if (request.length > MAX_CSR_BYTES) throw new Error(`it is larger than ${MAX_CSR_BYTES} bytes`)
    const der = typeof request === 'string' ? decodeOnePem('CERTIFICATE REQUEST', request, what) : request
    const [info, signatureAlgorithm, signature] = sequenceMembers(parseDer(der), 3)
    const csr = readInfo(info)
    const signed = {
      tbs: rawDer(info),
      algorithm: readAlgorithm(signatureAlgorithm),
      signature: readOctetBitString(signature),
    }
    if (!isSignedBy(signed, csr.publicKey)) throw new Error('its signature does not verify')
    return csr
  } catch (cause) {
    throw badCsr(what, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** The error for a request that fpki does not sign, with the reason. */
export function badCsr(what: string, reason: string, cause?: unknown): FpkiError {
  return new FpkiError(
    'ERR_BAD_CSR',
    `${what} is not signed: ${reason.replace(/\.$/, '')}.`,
    'Look at it with `openssl req -text -verify`, and ask whoever made it for another one.',
    { cause },
  )
}

/** Makes a request for `subject` and `dnsNames` (none: it asks for no extension), signed by its own key. Resolves to PEM. */
export function createCsr(subject: Name, dnsNames: readonly string[], signer: Signer): Promise<string> {
  const names = {
    type: 'subjectAltName',
    critical: false,
    value: encodeSubjectAltName(asGeneralNames(dnsNames)),
  } as const
  return requestFor(subject, dnsNames.length === 0 ? [] : [names], signer)
}

/** Makes a request for a CA that may have CAs below it and signs certificates and CRLs. Resolves to PEM. */
export function createCaCsr(subject: Name, signer: Signer): Promise<string> {
  const usage = encodeKeyUsage(['keyCertSign', 'cRLSign'])
  const extensions = [
    { type: 'keyUsage', critical: true, value: usage },
    { type: 'basicConstraints', critical: true, value: encodeCaConstraints(null) },
  ] as const
  return requestFor(subject, extensions, signer)
}

type AskedExtension = Parameters<typeof encodeExtension>[0]

async function requestFor(subject: Name, asked: readonly AskedExtension[], signer: Signer): Promise<string> {
  const info = sequence(
    integer(Uint8Array.of(0)),
    subject.der,
    signer.publicKey,
    explicit(0, asked.length === 0 ? new Uint8Array() : extensionRequest(asked)),
  )
  const signature = bitString(await signer.sign(info))
  return encodePem('CERTIFICATE REQUEST', sequence(info, algorithmIdentifier(signer.algorithm.curve), signature))
}

function extensionRequest(asked: readonly AskedExtension[]): Uint8Array {
  const extensions = sequence(...asked.map((extension) => encodeExtension(extension)))
  return sequence(objectIdentifier(oid('extensionRequest')), setOf(extensions))
}

function readInfo(value: Der | undefined): Csr {
  const [version, subject, spki, attributes] = sequenceMembers(value, 3, 4)
  if (readInteger(version) !== 0n) throw new Error('it is not of version 1')
  const extensions = attributes === undefined ? [] : requestedExtensions(attributes)
  return {
    subject: readName(subject),
    publicKey: readPublicKey(rawDer(spki)),
    extensions,
    known: knownExtensions(extensions),
  }
}

function requestedExtensions(attributes: Der): readonly Extension[] {
  const requests = taggedMembers(attributes, 0, 0, ANY)
    .map((attribute) => sequenceMembers(attribute, 2))
    .filter(([type]) => oidName(readObjectIdentifier(type)) === 'extensionRequest')
  const values = requests.flatMap(([, set]) => setMembers(set))
  if (values.length > 1) throw new Error('it asks for extensions twice')
  return values[0] === undefined ? [] : readExtensions(values[0])
}
