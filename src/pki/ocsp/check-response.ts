import { FpkiError } from '../../errors.js'
import type { CheckedOctets } from '../../ports.js'
import { contentOf, type Der, parseDer, rawDer, readInteger, sequenceMembers, taggedMembers } from '../der.js'
import { readExtensions } from '../extensions.js'
import { sameOctets } from '../octets.js'
import { MAX_CERT_IDS } from './request.js'
import type { OcspStatus, ResponseContents, SingleResponse } from './response.js'

/**
 * Checks an encoded ResponseData against what it is to say, with the strict reader, before it is signed. Throws ERR_PROFILE.
 */
export function checkResponseData(der: Uint8Array, contents: ResponseContents): CheckedOctets {
  const read = readStrictly(der)
  const { responderKeyHash, producedAt, responses, nonce } = contents
  const isSame =
    sameOctets(read.responderKeyHash, responderKeyHash) &&
    read.producedAt.getTime() === producedAt.getTime() &&
    read.responses.length === responses.length &&
    read.responses.every((one, at) => isSameResponse(one, responses[at])) &&
    (nonce === null ? read.nonce === null : sameOctets(read.nonce, nonce))
  if (!isSame) throw profileError('it does not say what it is to say')
  return der as CheckedOctets
}

function isSameResponse(a: SingleResponse, b: SingleResponse | undefined): boolean {
  return (
    b !== undefined &&
    sameOctets(a.certId, b.certId) &&
    statusText(a.status) === statusText(b.status) &&
    a.thisUpdate.getTime() === b.thisUpdate.getTime() &&
    a.nextUpdate.getTime() === b.nextUpdate.getTime() &&
    a.nextUpdate > a.thisUpdate
  )
}

function statusText(status: OcspStatus): string {
  return status.kind === 'revoked' ? `revoked ${status.at.getTime()} ${status.reason}` : status.kind
}

function readStrictly(der: Uint8Array): ResponseContents {
  try {
    return readResponseData(parseDer(der))
  } catch (cause) {
    throw profileError(cause instanceof Error ? cause.message : String(cause))
  }
}

/** Reads a ResponseData. Throws a plain Error. */
function readResponseData(value: Der): ResponseContents {
  const [responder, producedAt, list, extensions] = sequenceMembers(value, 3, 4)
  return {
    responderKeyHash: contentOf(taggedMembers(responder, 2, 1)[0], 'octetString'),
    producedAt: readGeneralizedTime(producedAt),
    responses: sequenceMembers(list, 1, MAX_CERT_IDS).map(readSingle),
    nonce: extensions === undefined ? null : readNonce(taggedMembers(extensions, 1, 1)[0]),
  }
}

function readSingle(value: Der): SingleResponse {
  const [certId, status, thisUpdate, nextUpdate] = sequenceMembers(value, 4)
  return {
    certId: rawDer(certId),
    status: readStatus(status),
    thisUpdate: readGeneralizedTime(thisUpdate),
    nextUpdate: readGeneralizedTime(taggedMembers(nextUpdate, 0, 1)[0]),
  }
}

function readStatus(value: Der | undefined): OcspStatus {
  if (value?.tag === 0xa1) {
    const [at, reason] = taggedMembers(value, 1, 1, 2)
    const number = reason === undefined ? 0n : readInteger(taggedMembers(reason, 0, 1)[0], 'enumerated')
    return { kind: 'revoked', at: readGeneralizedTime(at), reason: Number(number) }
  }
  if (value?.content.length !== 0 || (value.tag !== 0x80 && value.tag !== 0x82))
    throw new Error('a status is malformed')
  return { kind: value.tag === 0x80 ? 'good' : 'unknown' }
}

function readNonce(value: Der | undefined): Uint8Array {
  const [nonce, ...more] = readExtensions(value)
  if (nonce?.type !== 'id-pkix-ocsp-nonce' || more.length > 0) throw new Error('it has unexpected extensions')
  return contentOf(parseDer(nonce.value), 'octetString')
}

/** With seconds, in UTC, and without fractions (RFC 5280, 4.1.2.5.2), also before 2050. */
function readGeneralizedTime(value: Der | undefined): Date {
  const text = Buffer.from(contentOf(value, 'generalizedTime')).toString('latin1')
  if (!/^\d{14}Z$/.test(text)) throw new Error('a time is malformed')
  const time = new Date(text.replace(/(....)(..)(..)(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6.000Z'))
  if (Number.isNaN(time.getTime())) throw new Error('a time is not a valid date')
  return time
}

function profileError(problem: string): FpkiError {
  return new FpkiError(
    'ERR_PROFILE',
    `Refusing to sign an OCSP response: ${problem}.`,
    'Nothing was signed. Check the clock of this machine; if it is correct, report this message (it contains no secrets).',
  )
}
