import { readUnverifiedCsr, verifyCsr } from '../../pki/csr.js'
import {
  type DevicePolicy,
  decideDeviceRequest,
  type RequestRefusal,
  type RequestRefusalCode,
  refusal,
} from '../../pki/device-policy.js'
import { keyHashOf } from '../../pki/fingerprint.js'
import { readPublicKey } from '../../pki/public-key.js'
import type { CheckedRequest, RawRequest } from './model.js'

/** Parses a device's request, verifies its signature, and decides on it. Never throws because of the request. */
export function checkRequest(request: RawRequest, policy: DevicePolicy): CheckedRequest {
  const csr = orRefused('csr-malformed', () => readUnverifiedCsr(request))
  if ('code' in csr) return { kind: 'refused', ...csr }
  const key = orRefused('csr-key', () => readPublicKey(csr.spki))
  if ('code' in key) return { kind: 'refused', ...key }
  const verified = orRefused('csr-signature', () => verifyCsr(csr, key))
  if ('code' in verified) return { kind: 'refused', ...verified }
  const decision = decideDeviceRequest(verified, policy)
  if ('code' in decision) return { kind: 'refused', ...decision }
  const { uuid, isProduction, subject, spki } = decision
  return { kind: 'request', uuid, isProduction, subject: subject.der, spki, keyHash: keyHashOf(spki) }
}

/** Converts what the strict parser throws. */
function orRefused<T extends object>(code: RequestRefusalCode, work: () => T): T | RequestRefusal {
  try {
    return work()
  } catch (error) {
    return refusal(code, (error instanceof Error ? error.message : String(error)).replace(/\.$/, ''))
  }
}
