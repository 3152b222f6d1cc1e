import type { AuditLog } from '../../audit-log/audit-log.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { RootSigner } from '../../keystore/root-key.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Clock, Random } from '../../ports.js'

/** Where keys and certificates are made: an open PKI directory, and what making them takes. */
export interface IssuanceContext {
  readonly directory: PkiDirectory
  /** Where new files go: into their places, or aside until the Factory API has taken them. */
  readonly made: MadeFiles
  readonly factory: string
  readonly clock: Clock
  readonly random: Random
  readonly rootSigner: RootSigner
  /** What is signed goes into it before anything else is done with it. */
  readonly auditLog: AuditLog
  /** Those that the Factory API knows; none is said before it knows any. */
  readonly deviceCas?: readonly Certificate[]
  warn(text: string): void
}

/** Where the files that a command makes are written, and found again when it was interrupted. */
type MadeFiles = Pick<PkiDirectory, 'path' | 'read' | 'create'>
