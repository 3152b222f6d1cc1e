import { PKI_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyReference } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { HsmChoice, Passphrases, Signer } from '../ports.js'
import { keyOf } from './private-key.js'
import { type RememberedAccess, rememberedChoice } from './remembered-token.js'
import type { TokenHolder } from './token-key.js'

/** The root key, opened when it is first needed and held until the command ends. */
export interface RootSigner {
  open(): Promise<Signer>
  /** Where it is, once it is open. */
  reference(): Promise<KeyReference>
  close(): Promise<void>
}

/** How a command comes to a root key that is in a token, or in a file that is encrypted. */
export interface HsmAccess extends RememberedAccess {
  /** The HSM that flags name; null: the one that the PKI directory remembers, if any. */
  readonly choice: HsmChoice | null
  /** Where the passphrase of an encrypted factory_ca.key comes from; absent: there is none. */
  readonly passphrases?: Passphrases
  note(text: string): void
  warn(text: string): void
}

/** For callers that were told nothing of an HSM. */
const NO_PIN: HsmAccess = {
  choice: null,
  complete: (place) => ({ ...place, keypad: false, allowFinalPinTry: false, pin: noPin }),
  note: () => undefined,
  warn: () => undefined,
}

async function noPin(token: string): Promise<string> {
  throw new FpkiError('ERR_HSM_PIN', `There is no PIN for the token ${token}.`, 'Give it with --hsm-pin-file.')
}

/**
 * The root key of a PKI directory, wherever it is: in the HSM that is named, in the one that the directory remembers, or
 * in factory_ca.key. A token is opened once, with one login for the whole command.
 */
export function rootSignerOf(directory: PkiDirectory, access: HsmAccess = NO_PIN): RootSigner {
  let opened: Promise<Signer> | null = null
  let holder: TokenHolder | null = null
  let reference: KeyReference = { kind: 'file', name: PKI_FILES.rootKey }
  const open = async () => {
    const choice = access.choice ?? (await rememberedChoice(directory, access))
    if (choice === null) return keyOf(directory, PKI_FILES.rootKey, access.passphrases)
    const { existingTokenKey, holdToken } = await import('./token-key.js')
    holder = holdToken(choice, access)
    await holder.open()
    const wanted = { key: choice.key, certificate: PKI_FILES.rootCertificate }
    const key = await existingTokenKey(directory, holder, wanted)
    reference = key.reference
    return key.open()
  }
  return {
    open: () => {
      opened ??= open()
      return opened
    },
    reference: async () => {
      await opened
      return reference
    },
    close: async () => {
      await opened?.then((signer) => signer.close()).catch(() => undefined)
      await holder?.close()
    },
  }
}
