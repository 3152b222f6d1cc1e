import { verify } from 'node:crypto'
import { readableCertificates } from '../directory/certificate-files.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { type FpkiCode, FpkiError } from '../errors.js'
import type { CrlReason } from '../pki/crl.js'
import { rfc3339 } from '../pki/describe.js'
import { readPublicKey } from '../pki/public-key.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Crl } from '../pki/read-crl.js'
import { statement } from '../pki/statement.js'
import type { Clock, Signer, Who } from '../ports.js'
import { type ChainEnd, chainProblems, endOf, lineBehind, signedText, splitAuditLog } from './chain.js'
import { auditLogFiles, repairHint } from './files.js'
import { logged, loggedCrl } from './logged.js'
import type { AuditLogEntry } from './records.js'
import { forgedHead, rootIn } from './seal.js'
import { GONE_MESSAGES, goneOf, tracesOfAuditLog } from './traces.js'

/** What the audit log is kept with. */
export interface AuditLogPorts {
  readonly clock: Clock
  readonly who: () => Who
}

/** The audit log of a PKI directory, for the command that holds its lock. What it resolves to is on the disk. */
export interface AuditLog {
  /** A certificate was signed: before it is written, sent or printed. */
  certificate(signed: Certificate, profile: string, file: string | null): Promise<void>
  /** A CRL was signed: before it is sent or printed. */
  crl(signed: Crl, reason: CrlReason): Promise<void>
  /** A certificate of somebody else's was taken over, or was there. */
  found(
    certificates: readonly { readonly certificate: Certificate; readonly file: string }[],
    text: string,
  ): Promise<void>
  refused(what: string, error: FpkiError): Promise<void>
  event(text: string): Promise<void>
  /** Appends what `work` logs in one write, at its end, also when `work` throws. Nothing that it signs may leave it before. */
  together<T>(work: () => Promise<T>): Promise<T>
  /** Makes the file of a new audit log, empty: its name is durable with the names around it. */
  prepare(): Promise<void>
  /** Has the root sign for the newest line, unless it has. */
  seal(signer: Signer): Promise<void>
}

/**
 * The audit log of a PKI directory. Each call throws ERR_BAD_FILE when the audit log was changed behind the line that the root has
 * signed for last, or cut off before it, or somebody else has signed for it; ERR_STORAGE when it cannot be written.
 */
export function openAuditLog(directory: PkiDirectory, command: string, { clock, who }: AuditLogPorts): AuditLog {
  let end: ChainEnd | null = null
  let waiting: string[] | null = null
  const entry = (of: Partial<AuditLogEntry> & Pick<AuditLogEntry, 'kind'>): AuditLogEntry => {
    const { name, uid } = who()
    const { kind, certificates = [], crl = null, text = null } = of
    return { time: rfc3339(clock()), who: { name, uid }, command, kind, certificates, crl, text }
  }
  const write = async (from: ChainEnd, of: AuditLogEntry): Promise<ChainEnd> => {
    const line = lineBehind(from, of)
    const next = { number: from.number + 1, hash: endOf([line]).hash }
    if (waiting === null) await appendDurably(`${line}\n`)
    else waiting.push(`${line}\n`)
    end = next
    return next
  }
  const appendDurably = async (text: string) => {
    // An append that fails may have written a part: what is there is read again.
    end = null
    await auditLogFiles(directory).append(text)
  }
  const appendWaiting = async () => {
    const [text, last] = [waiting?.join('') ?? '', end]
    waiting = null
    if (text === '') return
    await appendDurably(text)
    end = last
  }
  const open = async (): Promise<ChainEnd> => {
    if (end !== null) return end
    const { lines, torn, isGone } = await readSound(directory)
    const sound = torn === '' ? endOf(lines) : await repair(lines, torn)
    return isGone ? beginAnew(sound) : sound
  }
  const repair = async (lines: readonly string[], torn: string) => {
    await auditLogFiles(directory).replace(lines.map((line) => `${line}\n`).join(''))
    const text = `${Buffer.byteLength(torn)} octets of a line that was cut off were removed; what it spoke of never left fpki.`
    return write(endOf(lines), entry({ kind: 'repaired', text }))
  }
  const beginAnew = async (from: ChainEnd) => {
    const there = await readableCertificates(directory)
    const certificates = there.map(({ certificate, file }) => logged(certificate, null, file))
    return write(from, entry({ kind: 'begun-anew', certificates, text: BEGUN_ANEW }))
  }
  const append = async (of: AuditLogEntry) => {
    await write(await open(), of)
  }
  return {
    certificate: (signed, profile, file) =>
      append(entry({ kind: 'certificate', certificates: [logged(signed, profile, file)] })),
    crl: (signed, reason) => append(entry({ kind: 'crl', crl: loggedCrl(signed, reason) })),
    found: (all, text) => {
      const certificates = all.map(({ certificate, file }) => logged(certificate, null, file))
      return append(entry({ kind: 'found', certificates, text }))
    },
    refused: (what, { code, message }) => append(entry({ kind: 'refused', text: `${what}: ${message} [${code}]` })),
    event: (text) => append(entry({ kind: 'event', text })),
    together: async (work) => {
      if (waiting !== null) return work()
      waiting = []
      const outcome = await work().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      await appendWaiting()
      if ('error' in outcome) throw outcome.error
      return outcome.value
    },
    prepare: () => auditLogFiles(directory).append(''),
    seal: async (signer) => {
      end = await open()
      if (end.number > 0) await seal(directory, end, signer, rfc3339(clock()))
    },
  }
}

const BEGUN_ANEW = 'The audit log that this directory had was not there any more. These certificates were.'

/** The lines, whole as far as the root has not signed for them. What it has signed for is for `ca log verify` to look at. */
async function readSound(directory: PkiDirectory) {
  const head = await auditLogFiles(directory).readHead()
  const text = splitAuditLog((await auditLogFiles(directory).read()) ?? '', head)
  const [problem] = chainProblems(text.lines, head, head?.number ?? 0)
  const gone = head === null && problem === undefined ? goneOf(await tracesOfAuditLog(directory), text.lines) : null
  // Else the root would sign behind an end that somebody else has made, and nobody could tell any more.
  const forged = forgedHead(head, await rootIn(directory))
  const message = problem?.message ?? (gone === 'head' ? GONE_MESSAGES.head : forged)
  if (message === null) return { ...text, isGone: gone === 'log' }
  throw new FpkiError(
    'ERR_BAD_FILE',
    `The audit log of ${directory.path} does not hold. ${message}`,
    `Nothing was signed. ${repairHint(directory.path)}`,
  )
}

async function seal(directory: PkiDirectory, end: ChainEnd, signer: Signer, signedAt: string): Promise<void> {
  const known = await auditLogFiles(directory).readHead()
  if (known?.number === end.number && known.hash === end.hash) return
  const text = statement(signedText(end))
  const signature = await signer.sign(text)
  if (!isSealedBy(signer, text, signature)) {
    const hint = 'Check the token, and run the same command again.'
    throw new FpkiError('ERR_SIGNATURE', 'OpenSSL does not accept what the root has signed for the audit log.', hint)
  }
  const encoded = Buffer.from(signature).toString('base64')
  await auditLogFiles(directory).writeHead({ version: 1, ...end, signedAt, signature: encoded })
}

function isSealedBy({ publicKey, algorithm }: Signer, text: Uint8Array, signature: Uint8Array): boolean {
  return verify(algorithm.hash, text, readPublicKey(publicKey).key, signature)
}

/** Why something that was to be signed was not, or not let out. */
const REFUSALS: readonly FpkiCode[] = [
  'ERR_BAD_CSR',
  'ERR_BAD_CERTIFICATE',
  'ERR_CLOCK',
  'ERR_PROFILE',
  'ERR_CONSTRAINTS',
  'ERR_SIGNATURE',
]

/** Is it a refusal to sign? */
export function isRefusal(error: unknown): error is FpkiError {
  return error instanceof FpkiError && REFUSALS.includes(error.code)
}

/** Does `work`, and logs it when that is refused. `warn` is told when the audit log cannot take it. */
export async function refusalsIn<T>(
  { auditLog, warn }: { readonly auditLog: AuditLog; warn(text: string): void },
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isRefusal(error)) await auditLog.refused(what, error).catch((failure: unknown) => warn(notLogged(failure)))
    throw error
  }
}

/** What is told when the audit log cannot take a refusal. */
export function notLogged(failure: unknown): string {
  const reason = failure instanceof Error ? failure.message : String(failure)
  return `The refusal is not in the audit log: ${reason}`
}
