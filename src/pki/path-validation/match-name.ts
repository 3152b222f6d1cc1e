import { startsWith } from '../name-comparison.js'
import type { ConstrainedName } from './general-name.js'

/** The relation of a name to a subtree. `unsupported` and `syntax` cannot be decided, so they must be rejected. */
export type Match = 'inside' | 'outside' | 'unsupported' | 'syntax'

/**
 * Compares a name with the base of a subtree (RFC 5280, 4.2.1.10).
 *
 * @returns null when the constraint applies to a different form of name
 */
export function matchName(name: ConstrainedName, base: ConstrainedName): Match | null {
  if (name.form === 'dirName' && base.form === 'dirName') return verdict(startsWith(name.rdns, base.rdns))
  if (name.form === 'DNS' && base.form === 'DNS') return verdict(isDnsWithin(name.text, base.text))
  if (name.form === 'email' && base.form === 'email') return matchEmail(name.text, base.text)
  if (name.form === 'URI' && base.form === 'URI') return matchUri(name.text, base.text)
  if (name.form === 'IP' && base.form === 'IP') return matchAddress(name.octets, base.octets)
  return matchOther(name, base)
}

function verdict(isInside: boolean): Match {
  return isInside ? 'inside' : 'outside'
}

/** Forms that cannot be compared are rejected if both the constraint and the name use them. */
function matchOther(name: ConstrainedName, base: ConstrainedName): Match | null {
  if (name.form !== 'other') return null
  if (base.form === 'email') return name.kind === 'SmtpUTF8Mailbox' ? 'unsupported' : null
  return base.form === 'other' && name.kind === base.kind ? 'unsupported' : null
}

/** Labels may be added on the left; a base with a leading dot (an OpenSSL extension) requires at least one. */
function isDnsWithin(name: string, base: string): boolean {
  const [host, domain] = [lower(name), lower(base)]
  if (domain === '' || host === domain) return true
  return host.endsWith(domain.startsWith('.') ? domain : `.${domain}`)
}

/** For e-mail and URI constraints: a host or, with a leading dot, any host below a domain. */
function isHostWithin(name: string, base: string): boolean {
  const [host, domain] = [lower(name), lower(base)]
  return domain.startsWith('.') ? host.length > domain.length && host.endsWith(domain) : host === domain
}

function matchEmail(address: string, base: string): Match {
  const at = address.lastIndexOf('@')
  if (at < 0) return 'syntax'
  const [local, host] = [address.slice(0, at), address.slice(at + 1)]
  const baseAt = base.lastIndexOf('@')
  if (baseAt < 0) return verdict(isHostWithin(host, base))
  // The local part is case-sensitive; a base without one is a host.
  const isLocal = baseAt === 0 || base.slice(0, baseAt) === local
  return verdict(isLocal && lower(base.slice(baseAt + 1)) === lower(host))
}

/** The authority of a URI (RFC 3986, 3.2): user information, host, port. */
const AUTHORITY = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#@:[\]]+)(?::\d*)?(?:[/?#]|$)/

function matchUri(uri: string, base: string): Match {
  const host = AUTHORITY.exec(uri)?.[1]
  // RFC 5280 requires rejecting URIs without a host name.
  if (host === undefined || /^[\d.]+$/.test(host)) return 'syntax'
  return verdict(isHostWithin(host, base))
}

function matchAddress(address: Uint8Array, base: Uint8Array): Match {
  const isValid = [4, 16].includes(address.length) && [8, 32].includes(base.length)
  if (!isValid) return 'syntax'
  if (address.length * 2 !== base.length) return 'outside'
  const [network, mask] = [base.subarray(0, address.length), base.subarray(address.length)]
  return verdict(address.every((octet, index) => ((octet ^ (network[index] ?? 0)) & (mask[index] ?? 0)) === 0))
}

/** Host names in certificates are ASCII (RFC 5280, 7.2). */
function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
