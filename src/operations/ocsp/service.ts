import type { CertificateStatus } from '../../devices/denial.js'
import { FpkiError } from '../../errors.js'
import { issuerKeyOf } from '../../pki/ocsp/issuer.js'
import { type CertId, type OcspRequest, readOcspRequest } from '../../pki/ocsp/request.js'
import { type OcspError, ocspError } from '../../pki/ocsp/response.js'
import type { Clock, Progress } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import { signOcspResponse } from '../../signer/ocsp-response.js'
import { OF_REGISTER } from '../registration/availability.js'
import { ocspStatus, type StatusNow, singleResponse, statusText } from './answer-times.js'
import { type KeptAnswer, type KeptAnswers, keptAnswers } from './kept-answers.js'
import type { OcspAnswer, OcspService } from './model.js'
import type { OcspIssuer, OcspIssuers } from './open-issuers.js'
import type { Statuses } from './statuses.js'

/** What the service uses. */
export interface OcspServicePorts {
  readonly issuers: OcspIssuers
  readonly statuses: Statuses
  readonly clock: Clock
  readonly progress: Progress
  /** Releases everything that was opened for the service. */
  close(): Promise<void>
}

/** A number that no certificate has: asking for it shows whether the register answers. */
const NO_SERIAL = '00'

/**
 * The OCSP service, with everything open.
 *
 * @param validity how long answers are valid, in milliseconds
 */
export function ocspService(validity: number, ports: OcspServicePorts, kept: KeptAnswers = keptAnswers()): OcspService {
  const { issuers, statuses, clock } = ports
  const watch = watched(ports.progress)

  const signed = async (issuer: OcspIssuer, { nonce }: OcspRequest, asked: readonly Asked[]): Promise<KeptAnswer> => {
    const key = await issuer.delegate.current()
    const now = clock()
    const limits = { validity, responderEnds: key.certificate.notAfter }
    const responses = asked.map((one) => singleResponse(one.certId.raw, one, now, limits))
    const { thisUpdate: producedAt } = first(responses)
    const der = await signOcspResponse({ producedAt, responses, nonce }, key)
    const nextUpdate = new Date(Math.min(...responses.map((one) => one.nextUpdate.getTime())))
    const { kind } = ocspStatus(first(asked))
    const isCached = nonce === null && asked.length === 1 && kind !== 'unknown'
    return {
      outcome: asked.length === 1 ? kind : 'several',
      der,
      cache: isCached ? { thisUpdate: producedAt, nextUpdate, sha256: sha256(der) } : null,
      statusText: statusText(first(asked)),
      madeAt: producedAt.getTime(),
      refreshAt: (producedAt.getTime() + nextUpdate.getTime()) / 2,
      endsAt: nextUpdate.getTime(),
    }
  }
  /** @param last an earlier answer to the same request; null: no answer was kept, or the request has a nonce */
  const upToDate = async (issuer: OcspIssuer, request: OcspRequest, last: KeptAnswer | null) => {
    const found = await Promise.all(request.certIds.map((one) => statusOf(statuses, one)))
    const asked = request.certIds.map((certId, at) => ({ certId, status: found[at] ?? null, ca: issuer.fingerprint }))
    if (last !== null && last.statusText === statusText(first(asked)) && isFresh(last, clock())) return last
    const answer = await signed(issuer, request, asked)
    if (isPlain(request)) kept.put(first(request.certIds).raw, answer)
    watch.worked()
    return answer
  }
  const about = async (issuer: OcspIssuer, request: OcspRequest): Promise<OcspAnswer> => {
    const last = isPlain(request) ? kept.get(first(request.certIds).raw) : null
    try {
      return await upToDate(issuer, request, last)
    } catch (error) {
      watch.failed(error)
      // It was signed to be believed until then, and the register says nothing else.
      return last !== null && clock().getTime() < last.endsAt ? last : failure('tryLater')
    }
  }
  return {
    answer: async (octets) => {
      const request = requestIn(octets)
      if (request === null) return failure('malformedRequest')
      const issuer = issuers.of(request.certIds.map(issuerKeyOf))
      return issuer === null ? failure('unauthorized') : about(issuer, request)
    },
    whyUnavailable: async () => {
      try {
        await statuses.of(NO_SERIAL)
        for (const { delegate } of issuers.all) await delegate.current()
        return null
      } catch (error) {
        watch.failed(error)
        return error instanceof FpkiError && OF_REGISTER.includes(error.code)
          ? 'the device register is not available'
          : 'an OCSP responder has no valid certificate'
      }
    },
    responders: () => issuers.all.map(({ file, delegate }) => ({ ca: file, notAfter: delegate.notAfter() })),
    close: async () => {
      await statuses.close()
      await ports.close()
    },
  }
}

/** A certificate that is asked for, and what the register says of it. */
interface Asked extends StatusNow {
  readonly certId: CertId
}

async function statusOf(statuses: Statuses, { serial }: CertId): Promise<CertificateStatus | null> {
  return serial === null ? null : statuses.of(serial)
}

function requestIn(octets: Uint8Array): OcspRequest | null {
  try {
    return readOcspRequest(octets)
  } catch {
    return null
  }
}

/** The clock may have been set back. */
function isFresh({ madeAt, refreshAt }: KeptAnswer, now: Date): boolean {
  return now.getTime() >= madeAt && now.getTime() < refreshAt
}

/** Whether its answer is the same for all who ask. */
function isPlain({ certIds, nonce }: OcspRequest): boolean {
  return certIds.length === 1 && nonce === null
}

function failure(outcome: OcspError): OcspAnswer {
  return { outcome, der: ocspError(outcome), cache: null }
}

/** Reports the first failure of many, and that it is over. */
function watched(progress: Progress) {
  let isFailing = false
  return {
    failed: (error: unknown) => {
      if (!(error instanceof FpkiError)) throw error
      if (!isFailing) progress.warn(`OCSP requests cannot be answered now: ${error.message}`)
      isFailing = true
    },
    worked: () => {
      if (isFailing) progress.note('OCSP requests are answered again.')
      isFailing = false
    },
  }
}

/** A request is about one certificate at least. */
function first<T>([one]: readonly T[]): T {
  if (one === undefined) throw new Error('an OCSP request without a certificate')
  return one
}
