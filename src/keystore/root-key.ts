import { refuseKit } from '../directory/kit-record.js'
import { PKI_FILES } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { KeyRef } from '../directory/records.js'
import type { HsmChoice, KeySecrets, ModuleChoice, Signer } from '../ports.js'
import type { TokenProgress } from '../signer/pkcs11/session.js'
import { openKeyFile } from './key-files.js'
import { rememberedChoice } from './remembered-token.js'

/** The root key, opened on first use, until the command ends. */
export interface RootSigner {
  open(): Promise<Signer>
  /** The reference to it, once it is open. */
  reference(): Promise<KeyRef>
  close(): Promise<void>
}

/** Where a command looks for the root key of a PKI directory. */
export type RootKeyPlace =
  /** In the token that the caller selects. */
  | { readonly kind: 'token'; readonly hsm: HsmChoice }
  /** As recorded in `.fpki/state.json`; `module` replaces the recorded PKCS#11 module. */
  | { readonly kind: 'recorded'; readonly module: ModuleChoice | null }
  /** In factory_ca.key, also where state.json records a token. */
  | { readonly kind: 'file' }

/** How a command accesses the root key of a PKI directory: where it is, and the secrets that unlock it. */
export interface KeyAccess extends KeySecrets, TokenProgress {
  readonly root: RootKeyPlace
}

const WITHOUT_SECRETS: KeyAccess = {
  root: { kind: 'recorded', module: null },
  note: () => undefined,
  warn: () => undefined,
}

/**
 * The root key of a PKI directory, wherever it is. A token is opened once, with one login for the whole command.
 *
 * @param access absent: where the directory records it, without PIN and passphrase
 */
export function rootSignerOf(directory: PkiDirectory, access: KeyAccess = WITHOUT_SECRETS): RootSigner {
  let opened: Promise<OpenRoot> | null = null
  const open = () => {
    opened ??= openRoot(directory, access)
    return opened
  }
  return {
    open: async () => (await open()).signer,
    reference: async () => (opened === null ? FILE : (await opened).ref),
    close: async () => {
      const root = await opened?.catch(() => null)
      await root?.signer.close().catch(() => undefined)
      await root?.close()
    },
  }
}

const FILE: KeyRef = { kind: 'file', name: PKI_FILES.rootKey }

interface OpenRoot {
  readonly ref: KeyRef
  readonly signer: Signer
  close(): Promise<void>
}

async function openRoot(directory: PkiDirectory, access: KeyAccess): Promise<OpenRoot> {
  await refuseKit(directory)
  const choice = await choiceOf(directory, access.root)
  if (choice === null) {
    const signer = await openKeyFile(directory, PKI_FILES.rootKey, access.passphrases)
    return { ref: FILE, signer, close: async () => undefined }
  }
  const { certifiedKey, openTokenKeys } = await import('./token-keys.js')
  const keys = await openTokenKeys(choice, access)
  try {
    const certified = await certifiedKey(directory, PKI_FILES.rootCertificate)
    const ref = keys.find(choice.key, certified)
    return { ref, signer: await keys.open(ref, certified), close: keys.close }
  } catch (error) {
    await keys.close()
    throw error
  }
}

async function choiceOf(directory: PkiDirectory, place: RootKeyPlace): Promise<HsmChoice | null> {
  if (place.kind === 'token') return place.hsm
  return place.kind === 'file' ? null : rememberedChoice(directory, place.module)
}
