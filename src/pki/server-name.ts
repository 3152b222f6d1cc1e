import { toDnsName } from './csr-policy.js'
import type { GeneralName } from './extensions.js'

/**
 * The canonical form of a server name: a DNS name in lower-case ASCII form, or an IP address (IPv6 as in RFC 5952). null when
 * `text` is neither.
 */
export function toServerName(text: string): string | null {
  if (isIPv4(text)) return text
  return shortIPv6(text) ?? toDnsName(text)
}

/** Names for subjectAltName, DNS names before IP addresses. Each must come from {@link toServerName}. */
export function serverNames(names: readonly string[]): readonly GeneralName[] {
  const all = names.map(generalName)
  return [...all.filter(({ type }) => type === 'DNS'), ...all.filter(({ type }) => type !== 'DNS')]
}

/** The names of a server as URL hosts (IPv6 in brackets), DNS names before IP addresses. */
export function urlHosts(names: readonly GeneralName[]): readonly string[] {
  const dns = names.flatMap(({ type, value }) => (type === 'DNS' ? [value] : []))
  const ip = names.flatMap(({ type, value }) => (type === 'IP' ? [value] : []))
  return [...dns, ...ip.map((address) => (isIPv4(address) ? address : `[${shortIPv6(address) ?? address}]`))]
}

function generalName(name: string): GeneralName {
  if (isIPv4(name)) return { type: 'IP', value: name }
  const short = shortIPv6(name)
  return short === null ? { type: 'DNS', value: name } : { type: 'IP', value: longIPv6(short) }
}

function isIPv4(text: string): boolean {
  return (
    /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text) && text.split('.').every((octet) => Number(octet) <= 255)
  )
}

/** The canonical form of an IPv6 address without a zone; null when `text` is not one. */
function shortIPv6(text: string): string | null {
  if (!/^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text)) return null
  const url = `http://[${text}]`
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : null
}

/** All digits of an address, the form of {@link GeneralName}. */
function longIPv6(short: string): string {
  const [head = [], tail = []] = short.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return [...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(':')
}
