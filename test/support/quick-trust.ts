import { syncBuiltinESMExports } from 'node:module'
import tls, { rootCertificates, type SecureContext } from 'node:tls'

const createSecureContext = tls.createSecureContext
const contexts = new Map<string, SecureContext>()

/**
 * A client that trusts one root more than those of Node has all of them parsed first, which takes longer than its requests.
 * Such clients in the process of the tests share what was parsed; a program of its own parses them itself.
 */
tls.createSecureContext = (options = {}) => {
  const { ca, cert, key, pfx } = options
  const isTrustOnly = Array.isArray(ca) && ca.length === rootCertificates.length + 1 && !(cert || key || pfx)
  if (!isTrustOnly) return createSecureContext(options)
  const root = String(ca.at(-1))
  const context = contexts.get(root) ?? createSecureContext({ ca })
  contexts.set(root, context)
  return context
}

syncBuiltinESMExports()
