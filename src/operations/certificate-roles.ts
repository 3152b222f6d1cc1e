import type { CertificateRole } from '../pki/describe.js'
import { shellWord } from '../shell-word.js'

/** What people call a certificate that is in no directory. */
export const ROLE_NAMES: Readonly<Record<CertificateRole, string>> = {
  root: 'factory_ca',
  cross: 'cross-certificate',
  tls: 'tls-crt',
  'est-tls': 'est-tls-crt',
  'online-ca': 'online-ca',
  'local-ca': 'local-ca',
}

/** What to do about a certificate in a PKI directory that expires, as a hint. */
export function remedyHint(role: CertificateRole, directory: string): string {
  const [what, command] = remedyFor(role, shellWord(directory))
  return `${what}: \`${command}\`.`
}

/** The same for messages that name no directory. */
export function remedyText(role: CertificateRole): string {
  return remedyFor(role, 'DIR').join(': ')
}

/** What to do about a certificate that expires, and the command for it. `at` is its PKI directory, for a shell. */
function remedyFor(role: CertificateRole, at: string): readonly [what: string, command: string] {
  switch (role) {
    case 'root':
      return ['To renew it with the same key', `fpki ca renew-root ${at}`]
    case 'cross':
      return ['To sign it again', `fpki ca cross-sign ${at} --with OTHER-DIR`]
    case 'tls':
      return ['To replace it', `fpki ca rotate-tls ${at}`]
    case 'est-tls':
      return ['To replace it', `fpki est authorize ${at}`]
    case 'online-ca':
      return ['To add another one', `fpki ca add-device-ca ${at} --online-ca`]
    case 'local-ca':
      return ['To add another one', `fpki ca add-device-ca ${at} --local-ca --local-ca-filename NAME.pem`]
  }
}
