import type { Command } from 'commander'
import { withPassphraseFile } from './options.js'

/** The flags that select an HSM and authenticate to it. */
export interface HsmFlags {
  /** Passphrase of key files. */
  readonly passphraseFile?: string | undefined
  readonly hsmModule?: string | undefined
  readonly hsmTokenLabel?: string | undefined
  readonly hsmTokenSerial?: string | undefined
  readonly hsmUri?: string | undefined
  readonly hsmInitArgs?: string
  readonly hsmPinFile?: string | undefined
  readonly hsmPin?: string
  readonly hsmPinpad?: true
  readonly hsmAllowFinalPinTry?: true
}

/** Adds the flags of a command that uses a key, in a file or in an HSM. */
export function withHsmOptions(command: Command): Command {
  return withTokenOptions(withPassphraseFile(command, 'key files'))
}

/** Adds the flags of a command that uses a token. */
export function withTokenOptions(command: Command): Command {
  return withModuleOption(command)
    .option('--hsm-token-label <label>', 'label of the token (FPKI_HSM_TOKEN_LABEL)')
    .option('--hsm-token-serial <serial>', 'serial number of the token, if labels are ambiguous')
    .option('--hsm-uri <uri>', 'module, token and key as an RFC 7512 URI (FPKI_HSM_URI)')
    .option(...INIT_ARGS)
    .option('--hsm-pin-file <file>', 'file with the PIN; - is stdin (FPKI_HSM_PIN)')
    .option('--hsm-pin <pin>', 'PIN; other users can see it')
    .option('--hsm-pinpad', 'enter the PIN on the keypad of the reader')
    .option('--hsm-allow-final-pin-try', 'try the PIN even if one failure locks the token')
}

/** Adds the flags of a command that uses a PKCS#11 module. */
export function withModuleOptions(command: Command): Command {
  return withModuleOption(command).option(...INIT_ARGS)
}

function withModuleOption(command: Command): Command {
  return command.option('--hsm-module <path>', 'PKCS#11 module (FPKI_HSM_MODULE)')
}

const INIT_ARGS = ['--hsm-init-args <text>', 'initialisation arguments for the module (needed by NSS)'] as const
