import { loggingRefusals, openAuditLog } from '../../audit-log/audit-log.js'
import type { OptionsOf } from '../../directory/journal-record.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { issue } from '../../issuance/issue.js'
import { failedBefore } from '../../journal/failed-before.js'
import { beginRecords } from '../../journal/keep-records.js'
import { runJournalled } from '../../journal/run-journalled.js'
import { steps } from '../../journal/steps.js'
import { type KeyAccess, rootSignerOf } from '../../keystore/root-key.js'
import { sameOctets } from '../../pki/octets.js'
import { encodePem } from '../../pki/pem.js'
import { type Certificate, isIssuedBy, readPemCertificate } from '../../pki/read-certificate.js'
import { sameRoot } from '../../pki/same-root.js'
import type { CertificateTemplate } from '../../pki/template.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../../ports.js'
import { type OpenPki, openRootKey } from '../open-pki.js'
import { requireText } from '../signing/certificate-files.js'
import type { IssuanceContext } from '../signing/issuance-context.js'

/** The commands that certify the key of a root. */
export type RootCommand = 'ca cross-sign' | 'ca renew-root'

/** Ports of the commands that certify the key of a root. */
export interface RootPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
  readonly random: Random
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Access to the root key. */
  readonly access?: KeyAccess
}

/** A certificate for the key of a root. */
export interface RootOrder<Command extends RootCommand> {
  readonly command: Command
  readonly options: OptionsOf<Command>
  /** Its file in the directory; an existing one is kept as an earlier one. */
  readonly file: string
  readonly template: CertificateTemplate
  /** The certificate in that file when the order was planned; null: none. */
  readonly planned: Certificate | null
  /** Checks the signed certificate before it is written; throws to refuse it. */
  check(certificate: Certificate): void
}

/** A certificate that {@link certifyRoot} has issued. */
export interface CertifiedRoot {
  readonly certificate: Certificate
  /** The name of the replaced file; null: there was none. */
  readonly keptAs: string | null
  /** An interrupted run was resumed. */
  readonly resumed: boolean
}

/**
 * Issues a certificate for the key of a root with the root key of `pki`, and writes it: staged first, then moved to its place.
 *
 * @throws FpkiError as openRootKey and runJournalled do; ERR_LOCKED when another process has replaced the file meanwhile;
 *   ERR_PROFILE, ERR_CONSTRAINTS or ERR_CLOCK before the key is used;
 *   ERR_SIGNATURE
 */
export async function certifyRoot<Command extends RootCommand>(
  pki: OpenPki,
  order: RootOrder<Command>,
  ports: RootPorts,
): Promise<CertifiedRoot> {
  const { directory, factory } = pki
  const rootSigner = rootSignerOf(directory, ports.access)
  try {
    await openRootKey(rootSigner, pki)
    await directory.make()
    let keptAs: string | null = null
    const { command, options, file } = order
    const { resumed } = await runJournalled<RootCommand, IssuanceContext>(
      command,
      options,
      stepsOf(order, (name) => {
        keptAs = name
      }),
      {
        ...ports,
        directory,
        work: async () => ({
          ...ports,
          directory,
          factory,
          rootSigner,
          target: { path: directory.path, read: directory.readStaged, create: directory.stage },
          auditLog: openAuditLog(directory, command, ports),
          warn: ports.progress.warn,
        }),
        begin: async ({ auditLog }) => {
          await requireAsPlanned(directory, order)
          await discardStaged(directory, file)
          return beginRecords(directory, auditLog, ports.clock())
        },
        keep: (kept) => kept,
        rollBack: {
          isSafe: (error) => failedBefore(PUBLISH, error, { directory, signal: ports.signal }),
          undo: () => discardStaged(directory, file),
        },
      },
    )
    const certificate = readPemCertificate(await requireText(directory, file), `${directory.path}/${file}`)
    return { certificate, keptAs, resumed }
  } finally {
    await rootSigner.close()
  }
}

/**
 * Proves a root key that is in a file, so that nothing is signed elsewhere when it is missing or wrong, or the passphrase is. A
 * token would ask for the PIN again.
 *
 * @throws FpkiError as openRootKey
 */
export async function proveKeyInFile(pki: OpenPki, access?: KeyAccess): Promise<void> {
  const { directory } = pki
  const place = access?.root.kind ?? 'recorded'
  const isInToken = place === 'token' || (place === 'recorded' && (await isRecordedInToken(directory)))
  if (isInToken) return
  const rootSigner = rootSignerOf(directory, access)
  try {
    await openRootKey(rootSigner, pki)
  } finally {
    await rootSigner.close()
  }
}

async function isRecordedInToken(directory: PkiDirectory): Promise<boolean> {
  return (await directory.readState())?.rootKey.kind === 'pkcs11'
}

/** Nobody held the lock while a user was asked, or while the other root signed. */
async function requireAsPlanned<Command extends RootCommand>(
  directory: PkiDirectory,
  { file, planned }: Pick<RootOrder<Command>, 'file' | 'planned'>,
): Promise<void> {
  const path = `${directory.path}/${file}`
  const pem = await directory.read(file)
  const current = pem === null ? null : readPemCertificate(pem, path).der
  if (planned === null ? current === null : sameOctets(current, planned.der)) return
  throw new FpkiError(
    'ERR_LOCKED',
    `Another process has replaced ${path} meanwhile.`,
    'It was not signed again. Run the command again if it is still needed.',
  )
}

/** The step from which on an interrupted command can only be resumed. */
export const PUBLISH = 'publish'

function stepsOf<Command extends RootCommand>(order: RootOrder<Command>, onKept: (name: string | null) => void) {
  const { file } = order
  return steps<IssuanceContext, RootCommand>()
    .step({
      name: 'certificate',
      says: `Signing ${file}`,
      run: (work, _, interrupted) => loggingRefusals(work, file, () => stage(work, order, interrupted)),
    })
    .step({
      name: PUBLISH,
      says: `Writing ${file}`,
      run: async ({ directory }) => onKept(await directory.publish(file, 'earlier')),
    })
}

/** The folder of staged files may not exist yet. */
async function discardStaged(directory: PkiDirectory, file: string): Promise<void> {
  if ((await directory.staged()).includes(file)) await directory.discard(file)
}

/** An interrupted run may have staged the certificate already: one is enough. */
async function stage<Command extends RootCommand>(
  { target, auditLog, rootSigner }: IssuanceContext,
  { file, template, check }: RootOrder<Command>,
  interrupted: boolean,
): Promise<void> {
  const staged = interrupted ? await target.read(file) : null
  if (staged !== null && isFor(template, readPemCertificate(staged, file))) return
  const certificate = await issue(template, await rootSigner.open(), auditLog, file)
  check(certificate)
  await target.create(file, encodePem('CERTIFICATE', certificate.der))
}

function isFor(template: CertificateTemplate, certificate: Certificate): boolean {
  return sameRoot(template, certificate) && isIssuedBy(certificate, template.issuer ?? certificate)
}
