import { toDnsName } from './csr-policy.js'
import type { GeneralName } from './extensions.js'

/**
 * A name of a server as it is shown and compared: a DNS name in its ASCII form and in lower case, or an IP address (IPv6 as
 * RFC 5952 writes it). null when `text` is neither.
 */
export function toServerName(text: string): string | null {
  if (isIPv4(text)) return text
  return shortIPv6(text) ?? toDnsName(text)
}

/** Server names as subjectAltName has them: DNS names before IP addresses. Each must be from {@link toServerName}. */
export function serverNames(names: readonly string[]): readonly GeneralName[] {
  const all = names.map(generalName)
  return [...all.filter(({ type }) => type === 'DNS'), ...all.filter(({ type }) => type !== 'DNS')]
}

/** The names of a server in certificates, DNS names before IP addresses, as URLs have them: IPv6 in brackets. */
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

/** null: it is no IPv6 address. URL knows all forms; a zone is not one of them. */
function shortIPv6(text: string): string | null {
  if (!/^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text)) return null
  const url = `http://[${text}]`
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : null
}

/** All digits of an address, as {@link GeneralName} has them. */
function longIPv6(short: string): string {
  const [head = [], tail = []] = short.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return [...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(':')
}
