import type { DirectoryState } from '../../directory/records.js'
import type { CertificatesUpdate, FactoryApi, FactoryCertificates, KnownCertificates } from '../../factory/api.js'
import type { OpenPki } from '../../issuance/open-pki.js'
import type { HsmAccess } from '../../keystore/root-key.js'
import type { Clock, DurableFiles, EncryptionPorts, Progress, Who } from '../../ports.js'
import type { IssuanceContext } from '../issuance-context.js'
import type { Facts, Step } from '../run-steps.js'

/** What a command that changes a PKI works with. */
export interface ChangePorts extends EncryptionPorts {
  readonly api: FactoryApi
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly progress: Progress
  readonly signal: AbortSignal
  /** How to come to the root key when it is in a token. */
  readonly access?: HsmAccess
}

/** A PKI in the middle of a change. Files are made aside, and published when the Factory API has taken them. */
export interface ChangeWork extends IssuanceContext, OpenPki, EncryptionPorts {
  readonly api: FactoryApi
  readonly signal: AbortSignal
  readonly access?: HsmAccess
  /** What the Factory API knew when the change began. */
  readonly known: KnownCertificates
}

/** One command that changes a PKI: sign, upload, read back; only then the files of the directory change. */
export interface Change {
  /** `ca rotate-tls` */
  readonly command: string
  /** What was asked for, under the names of the flags; the same again goes on with it. */
  readonly arguments: Facts
  /** What must hold before anything is asked for or made; throws when it does not. */
  check?(pki: OpenPki): Promise<void>
  /** Makes and stages what is to be uploaded. */
  readonly prepare: readonly Step<ChangeWork>[]
  /** Is it still right to send it, given what the Factory API knows now? Throws when it is not; nothing was sent then. */
  recheck?(work: ChangeWork, known: FactoryCertificates): Promise<void>
  /** What the Factory API is to be told, given what it knows now. */
  update(work: ChangeWork, known: FactoryCertificates, facts: Facts): Promise<CertificatesUpdate>
  /** Does the Factory API say what `update` wants it to? */
  isTaken(known: FactoryCertificates, update: CertificatesUpdate): boolean
  /** Puts what was staged in its place. Resolves to what state.json is to remember. */
  finish(work: ChangeWork, facts: Facts): Promise<Partial<DirectoryState> | undefined>
}

/** How a change ended. */
export interface Changed {
  readonly pki: OpenPki
  readonly facts: Facts
  readonly resumed: boolean
  readonly warnings: readonly string[]
}
