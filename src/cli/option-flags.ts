import type { FpkiError, FpkiOption } from '../errors.js'

/** The flag for each option of the library that an error can be about. */
const FLAGS: Readonly<Record<FpkiOption, string>> = {
  caFiles: '--ca-file',
  caSerials: '--ca-serial',
  certificate: '--cert',
  days: '--days',
  expires: '--expires',
  factory: '--factory',
  faults: '--fault',
  listen: '--listen',
  'localCa.encrypt': '--encrypt-keys',
  'localCa.kind': '--local-ca-in-hsm',
  out: '--out',
  'root.certificateFile': '--root-cert',
  'root.encrypt': '--encrypt-keys',
  'root.key': '--root-key',
  'root.key.encrypted': '--encrypt-keys',
  'root.key.path': '--root-key',
  serial: '--serial',
  shares: '--shares',
  since: '--since',
  tlsNames: '--tls-name',
  upstream: '--upstream',
}

/** What to do about an error, with the flag that it is about: the library's own words name no flags. */
export function hintWithFlag({ hint, option }: FpkiError): string {
  return option === null ? hint : hint.replace(/\.?$/, ` (${FLAGS[option]}).`)
}
