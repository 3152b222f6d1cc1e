import type { AuditLog } from '../../audit-log/audit-log.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { RootSigner } from '../../keystore/root-key.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Clock, Random } from '../../ports.js'

/** What issuing certificates into a PKI directory takes. */
export interface IssuanceContext {
  readonly directory: PkiDirectory
  /** Where new files go: into the directory, or a staging folder until the Factory API has accepted them. */
  readonly target: TargetFiles
  readonly factory: string
  readonly clock: Clock
  readonly random: Random
  readonly rootSigner: RootSigner
  /** Records everything that is signed, before it is used. */
  readonly auditLog: AuditLog
  /** The device CAs in the Factory API; absent before the first one. */
  readonly deviceCas?: readonly Certificate[]
  warn(text: string): void
}

/** Where a command writes new files, and finds them again after an interruption. */
type TargetFiles = Pick<PkiDirectory, 'path' | 'read' | 'create'>
