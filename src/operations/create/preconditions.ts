import { CREATE, type ROOT_CSR_COMMAND } from '../../directory/commands.js'
import type { JournalOf, OptionsOf } from '../../directory/journal-record.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { checkFactoryName } from '../../factory-name.js'
import { finishedRootCsr, resumableInNew } from '../../journal/resumable.js'
import type { HsmPlace, NamedModule } from '../../keystore/choice.js'
import { checkClock } from '../../pki/clock.js'
import { samePem } from '../../pki/pem.js'
import { toServerName } from '../../pki/server-name.js'
import type { Clock, Curve, DurableFiles, EncryptionPorts, HsmChoice, Passphrases, Progress, Who } from '../../ports.js'
import type { CryptokiMaker } from '../../signer/pkcs11/cryptoki.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { factoryIsSet } from './factory-is-set.js'
import { newKeysToken } from './journalled-token.js'

/** What `ca create` is asked to make. */
export interface CreatePkiOptions {
  /** Absolute path. */
  readonly directory: string
  readonly factory: string
  /** Where that name was given, for messages: a flag, a variable, a file. */
  readonly factorySource?: string
  readonly onlineCa: boolean
  readonly localCa: boolean
  /** As given to the embedded Factory API; recorded, so that a second run is held to the same. */
  readonly tlsNames: readonly string[]
  /** The token that is to hold the root key; absent: factory_ca.key. */
  readonly hsm?: HsmChoice
  /** The curve of a root key in a token. P-256 when absent. */
  readonly keyType?: Curve
  /** The key of local-ca goes into the token too. */
  readonly localCaInHsm?: boolean
  /** Key files are encrypted with a passphrase, which is asked for. */
  readonly encryptKeys?: boolean
  /** Where the passphrase of encrypted keys comes from. */
  readonly passphrases?: Passphrases
  /** The certificate of a root that is there already, absolute; absent: a root is made. */
  readonly rootCertificateFile?: string
  /** Its key, absolute; absent: it is in the token, or where `ca root-csr` made it. */
  readonly rootKeyFile?: string
  /** Says how to open the token that the directory remembers, where `ca root-csr` made the key in one. */
  readonly completeHsm?: (place: HsmPlace) => HsmChoice
  /** Its module, where the person names that. */
  readonly hsmModule?: NamedModule | null
}

/** The part of them that says where keys are, and how they are kept. */
export type KeyOptions = Pick<
  CreatePkiOptions,
  'hsm' | 'keyType' | 'localCa' | 'localCaInHsm' | 'encryptKeys' | 'passphrases'
>

/** What `ca create` works with. */
export interface CreatePkiPorts extends EncryptionPorts {
  readonly api: FactoryApi
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  /** What loads PKCS#11 modules; pkcs11js when absent. */
  readonly makeCryptoki?: CryptokiMaker
}

/** The names that `--tls-name` gives, each once, in the form that certificates carry. Throws ERR_USAGE. */
export function checkedTlsNames(names: readonly string[]): readonly string[] {
  const all = names.map((text) => {
    const name = toServerName(text)
    if (name !== null) return name
    const what = `${JSON.stringify(text)}, from --tls-name, is neither a DNS name nor an IP address.`
    throw new FpkiError('ERR_USAGE', what, 'Give a host name, or an IP address such as 192.0.2.1 or 2001:db8::1.')
  })
  return [...new Set(all)]
}

/**
 * Before anything is made: the clock, the names, and the Factory API must allow it. Throws ERR_CLOCK, ERR_USAGE,
 * ERR_FACTORY_IS_SET, and what {@link interruptedCreate} throws.
 *
 * @returns the interrupted run of the same command; null: there is none
 */
export async function checkBefore(
  directory: PkiDirectory,
  options: CreatePkiOptions,
  { api, clock }: CreatePkiPorts,
): Promise<JournalOf<typeof CREATE> | null> {
  checkClock(clock())
  checkFactoryName(options.factory, 'the caller')
  checkAbsolute(directory.path, 'PKI directory')
  const open = await interruptedCreate(directory, options, api)
  const inApi = await api.getCertificates()
  if (inApi === null) return open
  if (open !== null && samePem(inApi.rootCrt, await directory.read(PKI_FILES.rootCertificate))) return open
  throw factoryIsSet(options.factory, api, options.factorySource)
}

/**
 * The interrupted run of the same command; null: there is none. Throws ERR_EXISTS when the directory has a PKI, ERR_UNFINISHED
 * when another command is open, or a finished `ca root-csr` waits for a certificate that these options do not bring.
 */
export async function interruptedCreate(
  directory: PkiDirectory,
  options: CreatePkiOptions,
  api: FactoryApi,
): Promise<JournalOf<typeof CREATE> | null> {
  const open = await resumableInNew(directory, CREATE, journalledOptions(options, api))
  const rootCsr = open === null ? await finishedRootCsr(directory) : null
  if (rootCsr !== null) requireFits(directory, rootCsr.options, options)
  return open
}

/** Another root would be a second one: only the certificate for the existing key continues from it. */
function requireFits(
  directory: PkiDirectory,
  rootCsr: OptionsOf<typeof ROOT_CSR_COMMAND>,
  { rootCertificateFile, factory, encryptKeys = false }: CreatePkiOptions,
): void {
  const refuse = (reason: string, hint: string) =>
    new FpkiError('ERR_UNFINISHED', `The root key of ${directory.path}, from \`ca root-csr\`, ${reason}.`, hint)
  if (rootCertificateFile === undefined) {
    throw refuse('waits for its certificate', 'Give it with --root-cert FILE, as the company CA has signed it.')
  }
  if (rootCsr.factory !== factory) {
    const hint = 'Name that one with --factory, or another directory.'
    throw refuse(`was made for the factory ${rootCsr.factory}`, hint)
  }
  if (rootCsr.encryptKeys && !encryptKeys) {
    throw refuse('was made with --encrypt-keys', 'Give --encrypt-keys here too, for the key of local-ca.')
  }
}

/** What the journal of a `ca create` records of its options. */
export function journalledOptions(options: CreatePkiOptions, api: Pick<FactoryApi, 'name'>): OptionsOf<typeof CREATE> {
  const { factory, onlineCa, localCa, tlsNames, rootCertificateFile = null, encryptKeys = false } = options
  return {
    ...{ factory, api: api.name, onlineCa, localCa, tlsNames: [...tlsNames], rootCertificateFile, encryptKeys },
    hsm: newKeysToken(options),
  }
}
