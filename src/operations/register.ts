import { verify } from 'node:crypto'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { wayOut } from '../directory/register.js'
import type { RegisterEntry } from '../directory/register-records.js'
import {
  type ChainEnd,
  chainProblems,
  endOf,
  lineBehind,
  signedText,
  splitRegister,
} from '../directory/register-text.js'
import { type FpkiCode, FpkiError } from '../errors.js'
import { CRL_REASONS, type CrlReason } from '../pki/crl.js'
import { rfc3339 } from '../pki/describe.js'
import { formatName } from '../pki/name.js'
import { readPublicKey } from '../pki/public-key.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Crl } from '../pki/read-crl.js'
import { statement } from '../pki/statement.js'
import type { Clock, Signer, Who } from '../ports.js'
import { readableCertificates } from './certificate-files.js'
import { fingerprintOf } from './private-key.js'
import { forgedHead, rootIn } from './register-root.js'
import { GONE_MESSAGES, goneOf, tracesOfRegister } from './register-traces.js'

/** What the register is kept with. */
export interface RegisterPorts {
  readonly clock: Clock
  readonly who: () => Who
}

/** The register of a PKI directory, for the command that holds its lock. What it resolves to is on the disk. */
export interface Register {
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
  /** Has the root sign for the newest line, unless it has. */
  seal(signer: Signer): Promise<void>
}

/**
 * The register of a PKI directory. Each call throws ERR_BAD_FILE when the register was changed behind the line that the root has
 * signed for last, or cut off before it, or somebody else has signed for it; ERR_STORAGE when it cannot be written.
 */
export function registerOf(directory: PkiDirectory, command: string, { clock, who }: RegisterPorts): Register {
  let end: ChainEnd | null = null
  const entry = (of: Partial<RegisterEntry> & Pick<RegisterEntry, 'kind'>): RegisterEntry => {
    const { name, uid } = who()
    const { kind, certificates = [], crl = null, text = null } = of
    return { time: rfc3339(clock()), who: { name, uid }, command, kind, certificates, crl, text }
  }
  const write = async (from: ChainEnd, of: RegisterEntry): Promise<ChainEnd> => {
    const line = lineBehind(from, of)
    // Until it is known to be on the disk, nobody knows what the end is.
    end = null
    await directory.appendToRegister(`${line}\n`)
    end = { number: from.number + 1, hash: endOf([line]).hash }
    return end
  }
  const open = async (): Promise<ChainEnd> => {
    if (end !== null) return end
    const { lines, torn, isGone } = await readSound(directory)
    const sound = torn === '' ? endOf(lines) : await repair(lines, torn)
    return isGone ? beginAnew(sound) : sound
  }
  const repair = async (lines: readonly string[], torn: string) => {
    await directory.repairRegister(lines.map((line) => `${line}\n`).join(''))
    const text = `${Buffer.byteLength(torn)} octets of a line that was cut off were removed; what it spoke of never left fpki.`
    return write(endOf(lines), entry({ kind: 'repaired', text }))
  }
  const beginAnew = async (from: ChainEnd) => {
    const there = await readableCertificates(directory)
    const certificates = there.map(({ certificate, file }) => registered(certificate, null, file))
    return write(from, entry({ kind: 'begun-anew', certificates, text: BEGUN_ANEW }))
  }
  const append = async (of: RegisterEntry) => {
    await write(await open(), of)
  }
  return {
    certificate: (signed, profile, file) =>
      append(entry({ kind: 'certificate', certificates: [registered(signed, profile, file)] })),
    crl: (signed, reason) => append(entry({ kind: 'crl', crl: registeredCrl(signed, reason) })),
    found: (all, text) => {
      const certificates = all.map(({ certificate, file }) => registered(certificate, null, file))
      return append(entry({ kind: 'found', certificates, text }))
    },
    refused: (what, { code, message }) => append(entry({ kind: 'refused', text: `${what}: ${message} [${code}]` })),
    event: (text) => append(entry({ kind: 'event', text })),
    seal: async (signer) => {
      end = await open()
      if (end.number > 0) await seal(directory, end, signer, rfc3339(clock()))
    },
  }
}

const BEGUN_ANEW = 'The register that this directory had was not there any more. These certificates were.'

/** The lines, whole as far as the root has not signed for them. What it has signed for is for `ca log verify` to look at. */
async function readSound(directory: PkiDirectory) {
  const head = await directory.readRegisterHead()
  const text = splitRegister((await directory.readRegister()) ?? '', head)
  const [problem] = chainProblems(text.lines, head, head?.number ?? 0)
  const gone = head === null && problem === undefined ? goneOf(await tracesOfRegister(directory), text.lines) : null
  // Else the root would sign behind an end that somebody else has made, and nobody could tell any more.
  const forged = forgedHead(head, await rootIn(directory))
  const message = problem?.message ?? (gone === 'head' ? GONE_MESSAGES.head : forged)
  if (message === null) return { ...text, isGone: gone === 'register' }
  throw new FpkiError(
    'ERR_BAD_FILE',
    `The register of ${directory.path} does not hold. ${message}`,
    `Nothing was signed. ${wayOut(directory.path)}`,
  )
}

async function seal(directory: PkiDirectory, end: ChainEnd, signer: Signer, signedAt: string): Promise<void> {
  const known = await directory.readRegisterHead()
  if (known?.number === end.number && known.hash === end.hash) return
  const text = statement(signedText(end))
  const signature = await signer.sign(text)
  if (!isSealedBy(signer, text, signature)) {
    const hint = 'Check the token, and run the same command again.'
    throw new FpkiError('ERR_SIGNATURE', 'OpenSSL does not accept what the root has signed for the register.', hint)
  }
  const encoded = Buffer.from(signature).toString('base64')
  await directory.writeRegisterHead({ version: 1, ...end, signedAt, signature: encoded })
}

function isSealedBy({ publicKey, algorithm }: Signer, text: Uint8Array, signature: Uint8Array): boolean {
  return verify(algorithm.hash, text, readPublicKey(publicKey).key, signature)
}

function registered(certificate: Certificate, profile: string | null, file: string | null) {
  const { serialNumber, subject, der } = certificate
  return {
    serial: serialNumber.toString(),
    subject: formatName(subject),
    fingerprint: fingerprintOf(der),
    profile,
    file,
  }
}

function registeredCrl({ crlNumber, entries, der }: Crl, reason: CrlReason) {
  const serials = entries.map(({ serialNumber }) => serialNumber.toString())
  return {
    number: (crlNumber ?? 0n).toString(),
    fingerprint: fingerprintOf(der),
    serials,
    reason: `${reason} (${CRL_REASONS[reason]})`,
  }
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

/** Does `work`, and registers it when that is refused. `warn` is told when the register cannot take it. */
export async function refusalsIn<T>(
  { register, warn }: { readonly register: Register; warn(text: string): void },
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isRefusal(error)) await register.refused(what, error).catch((failure: unknown) => warn(notRegistered(failure)))
    throw error
  }
}

/** What is told when the register cannot take a refusal. */
export function notRegistered(failure: unknown): string {
  const reason = failure instanceof Error ? failure.message : String(failure)
  return `The refusal is not in the register: ${reason}`
}
