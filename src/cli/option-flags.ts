import type { FpkiError, FpkiOption } from '../errors.js'

/** The flag, or flags, for each option of the library that an error can be about. */
const FLAGS: Readonly<Record<FpkiOption, string>> = {
  api: '--factory, --api, FPKI_STATE_DIR',
  ca: '--ca',
  caFiles: '--ca-file or --ca-serial',
  caSerials: '--ca-serial',
  certificate: '--cert',
  confirm: '--yes',
  days: '--days',
  expires: '--expires',
  factory: '--factory',
  faults: '--fault',
  from: '--from',
  gatewayOptions: '--replace, --listen, --upstream',
  group: '--group',
  hardwareIds: '--hardware-id',
  keyPassphrases: '--key-passphrase-file; `ca restore --skip-root-key`',
  line: '--line',
  listen: '--listen',
  'localCa.encrypt': '--encrypt-keys',
  'localCa.kind': '--local-ca-in-hsm',
  localCaFilename: '--local-ca-filename',
  maxRefused: '--max-refused',
  onlineCa: '--online-ca, --local-ca',
  out: '--out',
  perDay: '--per-day',
  profile: '--profile tls-server',
  quota: '--quota',
  recipientKey: '--recipient-key',
  reissueWindow: '--reissue-window',
  replace: '--replace',
  'root.certificateFile': '--root-cert',
  'root.encrypt': '--encrypt-keys',
  'root.key': '--root-key',
  'root.key.encrypted': '--encrypt-keys',
  'root.key.path': '--root-key',
  serial: '--serial',
  shares: '--shares',
  shipped: '--shipped',
  since: '--since',
  store: '--store',
  tlsNames: '--tls-name',
  to: '--to',
  until: '--until',
  upstream: '--upstream',
}

/** What to do about an error, with the flag that it is about: the library's own words name no flags. */
export function hintWithFlag({ hint, option }: FpkiError): string {
  return option === null ? hint : hint.replace(/\.?$/, ` (${FLAGS[option]}).`)
}
