import { CREATE, type ROOT_CSR_COMMAND } from '../../directory/commands.js'
import type { JournalOf, OptionsOf } from '../../directory/journal-record.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError, type FpkiOption } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { checkFactoryName } from '../../factory-name.js'
import { finishedRootCsr, resumableInNew } from '../../journal/resumable.js'
import { checkClock } from '../../pki/clock.js'
import { samePem } from '../../pki/pem.js'
import type { Clock, DurableFiles, EncryptionPorts, KeySecrets, Progress, Who } from '../../ports.js'
import type { CryptokiMaker } from '../../signer/pkcs11/cryptoki.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { factoryIsSet } from './factory-is-set.js'
import { journalledOptions } from './journalled-options.js'
import type { CreatePkiOptions } from './options.js'

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

/**
 * Checks the clock, the names and the Factory API before anything is created. Throws ERR_CLOCK, ERR_USAGE,
 * ERR_FACTORY_IS_SET, and what {@link interruptedCreate} throws.
 *
 * @returns the interrupted run of the same command; null: none
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
 * The interrupted run of the same command; null: none. Throws ERR_EXISTS when the directory has a PKI, ERR_UNFINISHED
 * when another command is open, or a finished `ca root-csr` needs a certificate that these options do not have.
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
  { root, localCa, factory }: CreatePkiOptions,
): void {
  const refuse = (reason: string, hint: string, option: FpkiOption) =>
    new FpkiError('ERR_UNFINISHED', `The root key of ${directory.path}, from \`ca root-csr\`, ${reason}.`, hint, {
      option,
    })
  if (root.kind !== 'existing') {
    const hint = 'Pass the certificate that the company CA has signed.'
    throw refuse('is waiting for its certificate', hint, 'root.certificateFile')
  }
  if (rootCsr.factory !== factory) {
    const hint = 'Use that factory, or another directory.'
    throw refuse(`was created for the factory ${rootCsr.factory}`, hint, 'factory')
  }
  const isEncrypted = rootCsr.root.kind === 'new-file' && rootCsr.root.encrypt
  if (isEncrypted && localCa.kind === 'file' && !localCa.encrypt) {
    throw refuse('is encrypted', 'Encrypt the key of local-ca too.', 'localCa.encrypt')
  }
}
