import { ABANDON, CREATE, ROOT_CSR_COMMAND } from '../../directory/commands.js'
import { PKI_FILES, type PkiFile } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { Journal } from '../../directory/records.js'
import { FpkiError, type FpkiOption } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { checkFactoryName } from '../../factory-name.js'
import { goingOnFrom, holdsPki, lastJournal, requireSameWork } from '../../journal/resume.js'
import { type Facts, newJournal } from '../../journal/run-steps.js'
import { ROOT_KEY } from '../../keystore/labels.js'
import { checkClock } from '../../pki/clock.js'
import { samePem } from '../../pki/pem.js'
import type {
  Clock,
  Curve,
  DurableFiles,
  EncryptionPorts,
  HsmChoice,
  KeyChoice,
  KeySecrets,
  Progress,
  Who,
} from '../../ports.js'
import type { CryptokiMaker } from '../../signer/pkcs11/cryptoki.js'
import { formatPkcs11Uri } from '../../signer/pkcs11/uri.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { factoryIsSet } from './factory-is-set.js'
import { type CreatePkiOptions, encryptionOf, hsmOf, type KeyPlaces } from './options.js'

/** What `ca create` works with. */
export interface CreatePkiPorts extends EncryptionPorts, KeySecrets {
  readonly api: FactoryApi
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  /** What loads PKCS#11 modules; pkcs11js when absent. */
  readonly makeCryptoki?: CryptokiMaker
}

/** Before anything is made: the reasons not to. Returns the journal of an interrupted run of the same command. */
export async function refuseCreate(
  directory: PkiDirectory,
  options: CreatePkiOptions,
  { api, clock }: CreatePkiPorts,
): Promise<Journal | null> {
  checkClock(clock())
  checkFactoryName(options.factory, 'the caller')
  checkAbsolute(directory.path, 'PKI directory')
  const journal = (await directory.check()) === 'missing' ? null : await unfinishedJournal(directory, options, api)
  const certificates = await api.getCertificates()
  if (certificates === null) return journal
  const isOurs = journal !== null && samePem(certificates.rootCrt, await directory.read(PKI_FILES.rootCertificate))
  if (isOurs) return journal
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

/** A new root would be a second one: only the certificate for the existing key can go on from it. */
function requireFits(directory: PkiDirectory, { arguments: begun }: Journal, options: CreatePkiOptions): null {
  const { root, localCa, factory } = options
  const refuse = (reason: string, hint: string, option: FpkiOption) =>
    new FpkiError('ERR_UNFINISHED', `The root key of ${directory.path}, from \`ca root-csr\`, ${reason}.`, hint, {
      option,
    })
  if (root.kind !== 'existing') {
    const hint = 'Give the certificate, as the company CA has signed it.'
    throw refuse('waits for its certificate', hint, 'root.certificateFile')
  }
  if (begun['--factory'] !== factory) {
    const hint = 'Name that factory, or another directory.'
    throw refuse(`was made for the factory ${begun['--factory']}`, hint, 'factory')
  }
  if (begun['--encrypt-keys'] === 'true' && localCa.kind === 'file' && !localCa.encrypt) {
    throw refuse('is encrypted', 'Have the key of local-ca encrypted too.', 'localCa.encrypt')
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
  const { factory, onlineCa, localCa, tlsNames, root } = options
  return {
    '--factory': factory,
    '--api': api.name,
    '--online-ca': String(onlineCa),
    '--local-ca': String(localCa.kind !== 'none'),
    '--tls-name': tlsNames.join(' '),
    ...(root.kind === 'existing' ? { '--root-cert': root.certificateFile } : {}),
    ...keyArguments(options),
  }
}

/** What a journal records of where keys are, and how they are kept. */
export function keyArguments(places: KeyPlaces): Facts {
  const hsm = hsmOf(places.root)
  const curve = places.root.kind === 'new-token' ? places.root.curve : undefined
  const isLocalCaInHsm = places.localCa.kind === 'token'
  return { ...encryptionArguments(places), ...(hsm === null ? {} : hsmArguments(hsm, curve, isLocalCaInHsm)) }
}

/** `true`, as the flag of the command line: all key files are encrypted. */
function encryptionArguments(places: KeyPlaces): Facts {
  const { root, localCa } = encryptionOf(places)
  if (!root && !localCa) return {}
  const isMixed = root === false || localCa === false
  return { '--encrypt-keys': isMixed ? `only ${root ? 'factory_ca.key' : 'local-ca.key'}` : 'true' }
}

/** What a journal records of a token. */
export function hsmArguments(hsm: HsmChoice, curve: Curve = 'P-256', isLocalCaInHsm = false): Facts {
  return {
    '--hsm-module': hsm.module,
    '--hsm-token-label': hsm.token.label ?? '',
    '--hsm-token-serial': hsm.token.serial ?? '',
    '--hsm-uri': keyInUri(hsm.key),
    '--key-type': curve,
    '--local-ca-in-hsm': String(isLocalCaInHsm),
  }
}

/** A key that is not the usual one was named by a URI. */
function keyInUri({ label, id }: KeyChoice): string {
  const isUsual = id === null && (label === null || label === ROOT_KEY.label)
  return isUsual ? '' : formatPkcs11Uri({ object: label, id })
}
