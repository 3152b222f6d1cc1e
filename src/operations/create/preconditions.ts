import { ABANDON, CREATE, ROOT_CSR_COMMAND } from '../../directory/commands.js'
import { PKI_FILES, type PkiFile } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { Journal } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { checkFactoryName } from '../../factory-name.js'
import { goingOnFrom, holdsPki, lastJournal, requireSameWork } from '../../journal/resume.js'
import { type Facts, newJournal } from '../../journal/run-steps.js'
import type { HsmPlace, NamedModule } from '../../keystore/choice.js'
import { ROOT_KEY } from '../../keystore/labels.js'
import { checkClock } from '../../pki/clock.js'
import { samePem } from '../../pki/pem.js'
import { toServerName } from '../../pki/server-name.js'
import type {
  Clock,
  Curve,
  DurableFiles,
  EncryptionPorts,
  HsmChoice,
  KeyChoice,
  Passphrases,
  Progress,
  Who,
} from '../../ports.js'
import type { CryptokiMaker } from '../../signer/pkcs11/cryptoki.js'
import { formatPkcs11Uri } from '../../signer/pkcs11/uri.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { factoryIsSet } from './factory-is-set.js'

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

/** Before anything is made: the reasons not to. Returns the journal of an interrupted run of the same command. */
export async function refuseWhatCannotBe(
  directory: PkiDirectory,
  options: CreatePkiOptions,
  { api, clock }: CreatePkiPorts,
): Promise<Journal | null> {
  checkClock(clock())
  checkFactoryName(options.factory, 'the caller')
  checkAbsolute(directory.path, 'PKI directory')
  const journal = (await directory.check()) === 'missing' ? null : await unfinishedJournal(directory, options, api)
  const known = await api.getCertificates()
  if (known === null || (journal !== null && samePem(known.rootCrt, await directory.read(PKI_FILES.rootCertificate)))) {
    return journal
  }
  throw factoryIsSet(options.factory, api, options.factorySource)
}

async function unfinishedJournal(directory: PkiDirectory, options: CreatePkiOptions, api: FactoryApi) {
  const journal = await lastJournal(directory)
  const contents = await directory.contents()
  const isFree = journal === null || (journal.command === ABANDON && journal.finishedAt !== null)
  if (isFree && contents.length === 0) return null
  if (journal !== null && isRootCsr(journal, contents)) return requireFits(directory, journal, options)
  if (journal === null || journal.finishedAt !== null) throw await holdsPki(directory)
  requireSameWork(directory, journal, CREATE, createArguments(options, api))
  return journal
}

/** Is it what `ca root-csr` left: a key, which waits for its certificate? */
function isRootCsr({ command, finishedAt }: Journal, contents: readonly PkiFile[]): boolean {
  const root: readonly PkiFile[] = [PKI_FILES.rootKey, PKI_FILES.rootCertificate]
  return command === ROOT_CSR_COMMAND && finishedAt !== null && contents.every((name) => root.includes(name))
}

/** A new root would be a second one: only the certificate for the key that is there goes on from it. */
function requireFits(directory: PkiDirectory, { arguments: begun }: Journal, options: CreatePkiOptions): null {
  const { rootCertificateFile, factory, encryptKeys = false } = options
  const refuse = (reason: string, hint: string) =>
    new FpkiError('ERR_UNFINISHED', `The root key of ${directory.path}, from \`ca root-csr\`, ${reason}.`, hint)
  if (rootCertificateFile === undefined) {
    throw refuse('waits for its certificate', 'Give it with --root-cert FILE, as the company CA has signed it.')
  }
  if (begun['--factory'] !== factory) {
    const hint = 'Name that one with --factory, or another directory.'
    throw refuse(`was made for the factory ${begun['--factory']}`, hint)
  }
  if (begun['--encrypt-keys'] === 'true' && !encryptKeys) {
    throw refuse('was made with --encrypt-keys', 'Give --encrypt-keys here too, for the key of local-ca.')
  }
  return null
}

/** The journal of a `ca create` that begins now. Throws ERR_BAD_FILE. */
export async function newCreate(
  directory: PkiDirectory,
  options: CreatePkiOptions,
  steps: readonly { name: string }[],
  { api, clock }: CreatePkiPorts,
): Promise<Journal> {
  const journal = newJournal(CREATE, createArguments(options, api), steps, clock())
  return { ...journal, facts: await goingOnFrom(directory) }
}

/** What the journal records of a `ca create`, under the flags' names. */
function createArguments(options: CreatePkiOptions, api: FactoryApi): Facts {
  const { factory, onlineCa, localCa, tlsNames, rootCertificateFile } = options
  return {
    '--factory': factory,
    '--api': api.name,
    '--online-ca': String(onlineCa),
    '--local-ca': String(localCa),
    '--tls-name': tlsNames.join(' '),
    ...(rootCertificateFile === undefined ? {} : { '--root-cert': rootCertificateFile }),
    ...keyArguments(options),
  }
}

/** What a journal records of where keys are, and how they are kept. */
export function keyArguments(options: KeyOptions): Facts {
  return { ...(options.encryptKeys ? { '--encrypt-keys': 'true' } : {}), ...hsmArguments(options) }
}

/** The part of them that is about a token; none: nothing. */
export function hsmArguments({
  hsm,
  keyType = 'P-256',
  localCaInHsm = false,
}: Pick<KeyOptions, 'hsm' | 'keyType' | 'localCaInHsm'>): Facts {
  if (hsm === undefined) return {}
  return {
    '--hsm-module': hsm.module,
    '--hsm-token-label': hsm.token.label ?? '',
    '--hsm-token-serial': hsm.token.serial ?? '',
    '--hsm-uri': keyInUri(hsm.key),
    '--key-type': keyType,
    '--local-ca-in-hsm': String(localCaInHsm),
  }
}

/** A key that is not the usual one was named by a URI. */
function keyInUri({ label, id }: KeyChoice): string {
  const isUsual = id === null && (label === null || label === ROOT_KEY.label)
  return isUsual ? '' : formatPkcs11Uri({ object: label, id })
}
