import type { CertificateRole } from '../../pki/describe.js'

/** What to do about a certificate that expires: a hint, with DIR for the PKI directory. */
export const REMEDIES: Readonly<Record<CertificateRole, string>> = {
  root: 'To renew it with the same key: `fpki ca renew-root DIR`.',
  cross: 'To make another one: `fpki ca cross-sign DIR --with OTHER`.',
  tls: 'To replace it: `fpki ca rotate-tls DIR`.',
  'est-tls': 'To replace it: `fpki est authorize DIR`.',
  'online-ca': 'To add another one: `fpki ca add-device-ca DIR --online-ca`.',
  'local-ca': 'To add another one: `fpki ca add-device-ca DIR --local-ca --local-ca-filename NAME.pem`.',
}

/** The same for messages without markup, which end with the command. */
export function plainRemedy(role: CertificateRole): string {
  return REMEDIES[role].replace(/`(.*)`\.$/, '$1')
}
