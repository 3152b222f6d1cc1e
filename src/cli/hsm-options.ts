import type { Command } from 'commander'

/** The flags that say which HSM is meant, and how the owner of a key proves to be it. */
export interface HsmFlags {
  /** Of key files. */
  readonly passphraseFile?: string
  readonly hsmModule?: string
  readonly hsmTokenLabel?: string
  readonly hsmTokenSerial?: string
  readonly hsmUri?: string
  readonly hsmInitArgs?: string
  readonly hsmPinFile?: string
  readonly hsmPin?: string
  readonly hsmPinpad?: true
  readonly hsmAllowFinalPinTry?: true
}

/** Adds all of them, for a command that uses a key wherever it is, in the order in which --help shows them. */
export function withHsmOptions(command: Command): Command {
  return withTokenOptions(
    command.option('--passphrase-file <file>', 'opens key files; - is stdin (or FPKI_PASSPHRASE)'),
  )
}

/** Adds those that are about tokens. */
export function withTokenOptions(command: Command): Command {
  return command
    .option('--hsm-module <path>', 'the PKCS#11 module of the token (FPKI_HSM_MODULE)')
    .option('--hsm-token-label <label>', 'the token (FPKI_HSM_TOKEN_LABEL)')
    .option('--hsm-token-serial <serial>', 'the token, where labels are not enough')
    .option('--hsm-uri <uri>', 'all of it as an RFC 7512 URI (FPKI_HSM_URI)')
    .option('--hsm-init-args <text>', 'initialisation arguments for the module (needed by NSS)')
    .option('--hsm-pin-file <file>', 'the PIN is in this file; - is stdin (or FPKI_HSM_PIN)')
    .option('--hsm-pin <pin>', 'the PIN; others on this machine can see it')
    .option('--hsm-pinpad', 'the PIN is typed on the reader')
    .option('--hsm-allow-final-pin-try', "use the token's last try of the PIN")
}
