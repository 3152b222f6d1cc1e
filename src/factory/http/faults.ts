import { systemErrorCode } from '../../errors.js'
import { type Fault, NoAnswer } from './exchange.js'

/** What went wrong before a connection was there: the server has seen nothing of the request. */
const CONNECT_FAULTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no network',
  ETIMEDOUT: 'nothing answers there',
  UND_ERR_CONNECT_TIMEOUT: 'nothing answers there',
}

const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate was revoked',
}

/** What OpenSSL says of a chain that does not end at a root that is trusted here. */
const UNKNOWN_ISSUER = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_UNTRUSTED)/

/** An error of the HTTP library as a {@link NoAnswer}, in plain words. */
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
  const known = CERTIFICATE_FAULTS[code]
  const never = { mayHaveArrived: false, isTransient: false }
  if (known !== undefined) {
    return { reason: known, hint: 'Look at the address, and at the clock of this machine.', ...never }
  }
  if (UNKNOWN_ISSUER.test(code)) {
    const hint = 'If it is yours, name a PEM file with its root in CACERT.'
    return { reason: 'its certificate is from an authority that is not trusted here', hint, ...never }
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('CERT_')) {
    return { reason: `TLS failed (${code})`, hint: 'Look at the address: does this port speak TLS?', ...never }
  }
  return null
}

/** What the proxy says of the tunnel; no message of it holds the proxy's password. */
function proxyFault(error: unknown): Fault | null {
  const message = error instanceof Error ? error.message : ''
  const [, status] = /^Proxy response \((\d+)\)/.exec(message) ?? []
  if (status === undefined) return null
  const hint = 'Look at HTTPS_PROXY and NO_PROXY.'
  return { reason: `the proxy refuses the way there (${status})`, hint, mayHaveArrived: false, isTransient: false }
}

function connectionFault(code: string): Fault {
  const always = { hint: null, mayHaveArrived: true }
  if (/TIMEOUT/.test(code)) return { reason: 'it did not answer in time', ...always, isTransient: true }
  if (code.startsWith('HPE_')) return { reason: 'what it answers is not HTTP', ...always, isTransient: false }
  return { reason: `the connection was cut${code === '' ? '' : ` (${code})`}`, ...always, isTransient: true }
}
