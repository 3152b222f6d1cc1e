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
import { type ChainEnd, chainProblems, endOf, nextLine, signedText, splitAuditLog } from './chain.js'
import { auditLogFiles, repairHint } from './files.js'
import { logged, loggedCrl } from './logged.js'
import type { AuditLogEntry, LoggedRegister } from './records.js'
import { headSignatureProblem, rootCertificateOf } from './seal.js'
import { MISSING_MESSAGES, missingPart, tracesOfAuditLog } from './traces.js'

/** The ports of the audit log. */
export interface AuditLogPorts {
  readonly clock: Clock
  readonly who: () => Who
}

/** The audit log of a PKI directory, for the holder of its lock. Calls resolve once their line is on the disk. */
export interface AuditLog {
  /** Logs a signed certificate, before it is written, sent or printed. */
  logCertificate(signed: Certificate, profile: string, file: string | null): Promise<void>
  /** Logs a signed CRL, before it is sent or printed. */
  logCrl(signed: Crl, reason: CrlReason): Promise<void>
  /** Logs certificates that already exist, or were issued elsewhere. */
  logExisting(
    certificates: readonly { readonly certificate: Certificate; readonly file: string }[],
    text: string,
  ): Promise<void>
  logRefusal(what: string, error: FpkiError): Promise<void>
  logEvent(text: string): Promise<void>
  /** Logs how many certificates the device register has. */
  logRegister(head: LoggedRegister, text: string): Promise<void>
  /** Appends what `work` logs in one write, at its end, also when `work` throws. Nothing that it signs may leave it before. */
  together<T>(work: () => Promise<T>): Promise<T>
  /** Makes the file of a new audit log, empty: its name is durable with the names around it. */
  prepare(): Promise<void>
  /** Signs the newest line with the root key, unless it is signed already. */
  seal(signer: Signer): Promise<void>
}

/**
 * Opens the audit log of a PKI directory. Calls throw ERR_BAD_FILE when it was changed after the last signed line, truncated
 * before it, or signed by another key; ERR_STORAGE when it cannot be written.
 */
export function openAuditLog(directory: PkiDirectory, command: string, { clock, who }: AuditLogPorts): AuditLog {
  let end: ChainEnd | null = null
  let waiting: string[] | null = null
  const entry = (of: Partial<AuditLogEntry> & Pick<AuditLogEntry, 'kind'>): AuditLogEntry => {
    const { name, uid } = who()
    const { kind, certificates = [], crl = null, text = null, register } = of
    const last = register === undefined ? {} : { register }
    return { time: rfc3339(clock()), who: { name, uid }, command, kind, certificates, crl, text, ...last }
  }
  const write = async (from: ChainEnd, of: AuditLogEntry): Promise<ChainEnd> => {
    const line = nextLine(from, of)
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
    const { lines, torn, isMissing } = await readSound(directory)
    const sound = torn === '' ? endOf(lines) : await repair(lines, torn)
    return isMissing ? startNewLog(sound) : sound
  }
  const repair = async (lines: readonly string[], torn: string) => {
    await auditLogFiles(directory).replace(lines.map((line) => `${line}\n`).join(''))
    const text = `Removed ${Buffer.byteLength(torn)} octets of an incomplete line. What it described was never written, sent or printed.`
    return write(endOf(lines), entry({ kind: 'repaired', text }))
  }
  const startNewLog = async (from: ChainEnd) => {
    const existing = await readableCertificates(directory)
    const certificates = existing.map(({ certificate, file }) => logged(certificate, null, file))
    return write(from, entry({ kind: 'begun-anew', certificates, text: NEW_LOG_TEXT }))
  }
  const append = async (of: AuditLogEntry) => {
    await write(await open(), of)
  }
  return {
    logCertificate: (signed, profile, file) =>
      append(entry({ kind: 'certificate', certificates: [logged(signed, profile, file)] })),
    logCrl: (signed, reason) => append(entry({ kind: 'crl', crl: loggedCrl(signed, reason) })),
    logExisting: (all, text) => {
      const certificates = all.map(({ certificate, file }) => logged(certificate, null, file))
      return append(entry({ kind: 'found', certificates, text }))
    },
    logRefusal: (what, { code, message }) => append(entry({ kind: 'refused', text: `${what}: ${message} [${code}]` })),
    logEvent: (text) => append(entry({ kind: 'event', text })),
    logRegister: (register, text) => append(entry({ kind: 'event', text, register })),
    together: async (work) => {
      if (waiting !== null) return work()
      waiting = []
      try {
        return await work()
      } finally {
        await appendWaiting()
      }
    },
    prepare: () => auditLogFiles(directory).append(''),
    seal: async (signer) => {
      end = await open()
      if (end.number > 0) await seal(directory, end, signer, rfc3339(clock()))
    },
  }
}

const NEW_LOG_TEXT = 'The earlier audit log of this directory is missing. These certificates exist in the directory.'

/** Reads the lines, and checks the unsigned ones and the signature. `ca log verify` checks the rest. */
async function readSound(directory: PkiDirectory) {
  const head = await auditLogFiles(directory).readHead()
  const text = splitAuditLog((await auditLogFiles(directory).read()) ?? '', head)
  const [problem] = chainProblems(text.lines, head, head?.number ?? 0)
  const missing =
    head === null && problem === undefined ? missingPart(await tracesOfAuditLog(directory), text.lines) : null
  // Signing after a badSignature end would hide the forgery.
  const badSignature = headSignatureProblem(head, await rootCertificateOf(directory))
  const message = problem?.message ?? (missing === 'head' ? MISSING_MESSAGES.head : badSignature)
  if (message === null) return { ...text, isMissing: missing === 'log' }
  throw new FpkiError(
    'ERR_BAD_FILE',
    `The audit log of ${directory.path} is damaged. ${message}`,
    `Nothing was signed. ${repairHint(directory.path)}`,
  )
}

async function seal(directory: PkiDirectory, end: ChainEnd, signer: Signer, signedAt: string): Promise<void> {
  const head = await auditLogFiles(directory).readHead()
  if (head?.number === end.number && head.hash === end.hash) return
  const text = statement(signedText(end))
  const signature = await signer.sign(text)
  if (!isSealedBy(signer, text, signature)) {
    const hint = 'Check the token, then run the same command again.'
    throw new FpkiError('ERR_SIGNATURE', 'The signature of the root key for the audit log does not verify.', hint)
  }
  const encoded = Buffer.from(signature).toString('base64')
  await auditLogFiles(directory).writeHead({ version: 1, ...end, signedAt, signature: encoded })
}

function isSealedBy({ spki, algorithm }: Signer, text: Uint8Array, signature: Uint8Array): boolean {
  return verify(algorithm.hash, text, readPublicKey(spki).key, signature)
}

/** The error codes of refusals to sign. */
const REFUSALS: readonly FpkiCode[] = [
  'ERR_BAD_CSR',
  'ERR_BAD_CERTIFICATE',
  'ERR_CLOCK',
  'ERR_PROFILE',
  'ERR_CONSTRAINTS',
  'ERR_SIGNATURE',
]

/** Whether an error is a refusal to sign. */
export function isRefusal(error: unknown): error is FpkiError {
  return error instanceof FpkiError && REFUSALS.includes(error.code)
}

/** Runs `work` and logs its refusals. Calls `warn` when a refusal cannot be logged. */
export async function loggingRefusals<T>(
  { auditLog, warn }: { readonly auditLog: AuditLog; warn(text: string): void },
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isRefusal(error))
      await auditLog.logRefusal(what, error).catch((failure: unknown) => warn(refusalNotLogged(failure)))
    throw error
  }
}

/** The warning for a refusal that cannot be logged. */
export function refusalNotLogged(failure: unknown): string {
  const reason = failure instanceof Error ? failure.message : String(failure)
  return `The refusal was not logged in the audit log: ${reason}`
}
