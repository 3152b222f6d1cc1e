import type { FactsOf, JournalledCommand, OptionsOf } from '../../directory/journal-record.js'
import type { DirectoryState } from '../../directory/records.js'
import type { CertificatesUpdate, FactoryApi, FactoryCertificates, VersionedCertificates } from '../../factory/api.js'
import type { AllSteps } from '../../journal/steps.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import type { Clock, DurableFiles, EncryptionPorts, Progress, Who } from '../../ports.js'
import type { OpenPki } from '../open-pki.js'
import type { IssuanceContext } from '../signing/issuance-context.js'

/** Ports of a command that changes a PKI. */
export interface ChangePorts extends EncryptionPorts {
  readonly api: FactoryApi
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Access to a root key in a token. */
  readonly access?: KeyAccess
}

/** A PKI during a change. New files are staged, and published once the Factory API has accepted them. */
export interface ChangeWork extends IssuanceContext, OpenPki, EncryptionPorts {
  readonly api: FactoryApi
  readonly signal: AbortSignal
  readonly access?: KeyAccess
  /** The PKI in the Factory API when the change started. */
  readonly inApi: VersionedCertificates
}

/** The commands that change a PKI. */
export type ChangeCommand = Exclude<
  JournalledCommand,
  'ca create' | 'ca root-csr' | 'ca import-root' | 'ca cross-sign' | 'ca renew-root' | 'ca abandon'
>

/** One command that changes a PKI: sign, upload, read back; only then the files of the directory change. */
export interface Change<Command extends ChangeCommand = ChangeCommand> {
  readonly command: Command
  /** What the journal records of its options: the same command with the same options resumes it. */
  readonly options: OptionsOf<Command>
  /** Checks preconditions before anything is requested or created; throws when they are not met. */
  check?(pki: OpenPki): Promise<void>
  /** Creates and stages the files to upload. */
  readonly prepare: AllSteps<ChangeWork, Command>
  /** Checks again, with the current state of the Factory API, before anything is sent; throws when the upload is no longer right. */
  recheck?(work: ChangeWork, inApi: FactoryCertificates): Promise<void>
  /** The update for the Factory API, based on its current state. */
  update(work: ChangeWork, inApi: FactoryCertificates, facts: FactsOf<Command>): Promise<CertificatesUpdate>
  /** Does the Factory API already have `update`? */
  isTaken(inApi: FactoryCertificates, update: CertificatesUpdate): boolean
  /** Publishes the staged files. Resolves to additions for state.json. */
  finish(work: ChangeWork, facts: FactsOf<Command>): Promise<Partial<DirectoryState> | undefined>
}

/** The result of a change. */
export interface Changed<Command extends ChangeCommand> {
  readonly pki: OpenPki
  readonly facts: FactsOf<Command>
  readonly resumed: boolean
  readonly warnings: readonly string[]
}

/** The PKI to change; `known` is its state in the Factory API, if the caller has already read it for a confirmation. */
export interface ChangedPlace {
  readonly directory: string
  readonly factory: string
  readonly inApi?: VersionedCertificates | undefined
}
