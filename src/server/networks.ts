import { BlockList, isIP, isIPv6 } from 'node:net'
import { FpkiError, type FpkiOption } from '../errors.js'

/** Some networks. */
export interface Networks {
  /** Is an IP address in one of them? No for what is not an address. */
  has(address: string): boolean
}

/** This machine, and networks that are not routed on the internet (RFC 1918, RFC 4193, RFC 6598; link-local: RFC 3927, RFC 4291). */
const PRIVATE = [
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
  ...['::1/128', 'fc00::/7', 'fe80::/10'],
]

/** Reads networks in CIDR notation (RFC 4632). Throws ERR_USAGE about `option`. */
export function readNetworks(texts: readonly string[], option: FpkiOption): Networks {
  const list = new BlockList()
  for (const text of texts) {
    const [, address = '', prefix = ''] = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(text) ?? []
    const family = isIP(address)
    if (family === 0 || Number(prefix) > (family === 4 ? 32 : 128)) throw noNetwork(text, option)
    list.addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
  }
  return { has: (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') }
}

/** Is it an address of this machine, or of a private network? */
export function isPrivateAddress(address: string): boolean {
  return readNetworks(PRIVATE, 'listen').has(address)
}

function noNetwork(text: string, option: FpkiOption): FpkiError {
  const hint = 'Use an address and the length of its prefix, such as 192.168.10.0/24.'
  return new FpkiError('ERR_USAGE', `Invalid network: ${JSON.stringify(text.slice(0, 80))}.`, hint, { option })
}
