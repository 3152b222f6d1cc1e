import type { FactsOf, JournalledCommand, OptionsOf } from '../../directory/journal-record.js'
import type { DirectoryState } from '../../directory/records.js'
import type { CertificatesUpdate, FactoryApi, FactoryCertificates, KnownCertificates } from '../../factory/api.js'
import type { OpenPki } from '../../issuance/open-pki.js'
import type { AllSteps } from '../../journal/steps.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import type { Clock, DurableFiles, EncryptionPorts, Progress, Who } from '../../ports.js'
import type { IssuanceContext } from '../signing/issuance-context.js'

/** What a command that changes a PKI works with. */
export interface ChangePorts extends EncryptionPorts {
  readonly api: FactoryApi
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  /** How to come to the root key when it is in a token. */
  readonly access?: KeyAccess
}

/** A PKI in the middle of a change. Files are made aside, and published when the Factory API has taken them. */
export interface ChangeWork extends IssuanceContext, OpenPki, EncryptionPorts {
  readonly api: FactoryApi
  readonly signal: AbortSignal
  readonly access?: KeyAccess
  /** What the Factory API knew when the change began. */
  readonly known: KnownCertificates
}

/** The commands that change a PKI. */
export type ChangeCommand = Exclude<JournalledCommand, 'ca create' | 'ca root-csr' | 'ca import-root' | 'ca abandon'>

/** One command that changes a PKI: sign, upload, read back; only then the files of the directory change. */
export interface Change<Command extends ChangeCommand = ChangeCommand> {
  readonly command: Command
  /** What the journal records of its options: the same command with the same options resumes it. */
  readonly options: OptionsOf<Command>
  /** What must hold before anything is asked for or made; throws when it does not. */
  check?(pki: OpenPki): Promise<void>
  /** Makes and stages what is to be uploaded. */
  readonly prepare: AllSteps<ChangeWork, Command>
  /** Is it still right to upload it, given what the Factory API has now? Throws when it is not; nothing was sent then. */
  recheck?(work: ChangeWork, known: FactoryCertificates): Promise<void>
  /** The update for the Factory API, given what it has now. */
  update(work: ChangeWork, known: FactoryCertificates, facts: FactsOf<Command>): Promise<CertificatesUpdate>
  /** Does the Factory API show what `update` asks for? */
  isTaken(known: FactoryCertificates, update: CertificatesUpdate): boolean
  /** Puts what was staged in its place. Resolves to what state.json is to remember. */
  finish(work: ChangeWork, facts: FactsOf<Command>): Promise<Partial<DirectoryState> | undefined>
}

/** How a change ended. */
export interface Changed<Command extends ChangeCommand> {
  readonly pki: OpenPki
  readonly facts: FactsOf<Command>
  readonly resumed: boolean
  readonly warnings: readonly string[]
}

/** The PKI to change, and what the Factory API has, when the caller has read that for a question to the user. */
export interface ChangedPlace {
  readonly directory: string
  readonly factory: string
  readonly known?: KnownCertificates | undefined
}
