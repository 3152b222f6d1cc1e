import { systemErrorCode } from '../../errors.js'
import { type Fault, NoAnswer } from './exchange.js'

/** Failures to connect: the server has received nothing. */
const CONNECT_FAULTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'temporary failure in name resolution',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
}

const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate has been revoked',
}

/** OpenSSL's errors for a chain that does not end at a trusted root. */
const UNKNOWN_ISSUER = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_UNTRUSTED)/

/** Whether the code of an error says that no trusted root issued the certificate of a server. */
export function isUnknownIssuer(code: string): boolean {
  return UNKNOWN_ISSUER.test(code)
}

/** Converts an error of the HTTP library to a {@link NoAnswer}. */
export function noAnswer(error: unknown): NoAnswer {
  return error instanceof NoAnswer ? error : new NoAnswer(faultOf(error), { cause: error })
}

function faultOf(error: unknown): Fault {
  const code = systemErrorCode(error) ?? ''
  const unreachable = CONNECT_FAULTS[code]
  if (unreachable !== undefined) return { reason: unreachable, hint: null, mayHaveArrived: false, isTransient: true }
  return certificateFault(code) ?? proxyFault(error) ?? connectionFault(code)
}

function certificateFault(code: string): Fault | null {
  const reason = CERTIFICATE_FAULTS[code]
  const never = { mayHaveArrived: false, isTransient: false }
  if (reason !== undefined) return { reason, hint: 'Check the address and the clock of this machine.', ...never }
  if (isUnknownIssuer(code)) {
    const hint = 'If it is your own server, set CACERT to a PEM file with its root certificate.'
    return { reason: 'its certificate is not from a trusted CA', hint, ...never }
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('CERT_')) {
    return {
      reason: `TLS failed (${code})`,
      hint: 'Check the address: does the server use TLS on this port?',
      ...never,
    }
  }
  return null
}

/** A proxy's refusal of the tunnel. undici's message does not contain the password of the proxy. */
function proxyFault(error: unknown): Fault | null {
  const message = error instanceof Error ? error.message : ''
  const [, status] = /^Proxy response \((\d+)\)/.exec(message) ?? []
  if (status === undefined) return null
  const hint = 'Check HTTPS_PROXY and NO_PROXY.'
  return { reason: `the proxy refused the connection (${status})`, hint, mayHaveArrived: false, isTransient: false }
}

function connectionFault(code: string): Fault {
  const always = { hint: null, mayHaveArrived: true }
  if (/TIMEOUT/.test(code)) return { reason: 'the request timed out', ...always, isTransient: true }
  if (code.startsWith('HPE_')) return { reason: 'the response is not HTTP', ...always, isTransient: false }
  return { reason: `the connection was closed${code === '' ? '' : ` (${code})`}`, ...always, isTransient: true }
}
