import * as z from 'zod/mini'
import { type PkiDirectory, pkiDirectory } from '../directory/pki-directory.js'
import type { RegisterHead } from '../directory/register-records.js'
import { chainProblems, readLine, splitRegister } from '../directory/register-text.js'
import { FpkiError } from '../errors.js'
import { jsonDocument } from '../json-document.js'
import { type Certificate, isIssuedBy, readCertificate } from '../pki/read-certificate.js'
import type { DurableFiles } from '../ports.js'
import { certificateFiles } from './certificate-files.js'
import { fingerprintOf } from './private-key.js'
import { forgedHead, rootIn } from './register-root.js'
import { GONE_MESSAGES, goneOf, tracesOfRegister } from './register-traces.js'
import { noRegister, requireDirectory } from './show-register.js'

/** What is wrong with a register, or with what it should have. */
const registerProblem = z.strictObject({
  /** From 1; null: it is about no line. */
  line: z.nullable(z.int()),
  code: z.enum(['changed', 'removed', 'swapped', 'inserted', 'cut-off', 'bad-signature', 'not-registered', 'missing']),
  message: z.string(),
})

/** What `fpki ca log verify --json` prints. */
export const checkedRegister = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  lines: z.int(),
  /** The newest line that the root has signed for; null: none. */
  signed: z.nullable(z.strictObject({ line: z.int(), hash: z.string(), at: z.string() })),
  /** Lines behind it: a command was interrupted, or signed nothing. The next one that uses the root key signs for them. */
  unsigned: z.int(),
  /** The line that says that an earlier register was not there any more; null: this is the first one. */
  begunAnew: z.nullable(z.strictObject({ line: z.int(), at: z.string() })),
  /** A line was cut off in the writing; what it spoke of never left fpki. */
  torn: z.boolean(),
  /** None: it holds. */
  problems: z.array(registerProblem),
})

/** See {@link checkedRegister}. */
export type CheckedRegister = z.infer<typeof checkedRegister>

type Problem = CheckedRegister['problems'][number]

/**
 * Checks the register of a PKI directory: its chain, what the root has signed for, and that every certificate of the root's that
 * lies in the directory is in it. Nothing is changed.
 *
 * @throws FpkiError as showRegister does, but for lines that are none
 */
export async function checkRegister(files: DurableFiles, path: string): Promise<CheckedRegister> {
  const directory = pkiDirectory(files, path)
  await requireDirectory(files, path)
  // Looked at first, and the register last: what a command keeps and signs meanwhile is there by then.
  const traces = await tracesOfRegister(directory)
  const head = await directory.readRegisterHead()
  const root = await rootIn(directory)
  const there = root === null ? [] : await signedBy(root, directory)
  const text = await directory.readRegister()
  const { lines, torn } = splitRegister(text ?? '', head)
  const gone = head === null ? goneOf(traces, lines) : null
  if (head === null && text === null && gone === null) throw await noRegister(directory)
  const problems = [
    ...(gone === null ? [] : [{ line: null, code: 'missing' as const, message: GONE_MESSAGES[gone] }]),
    ...chainProblems(lines, head),
    ...signatureProblems(head, root),
    ...missingIn(lines, there),
  ]
  const signed = head === null ? null : { line: head.number, hash: head.hash, at: head.signedAt }
  const unsigned = Math.max(0, lines.length - (head?.number ?? 0))
  return {
    directory: path,
    lines: lines.length,
    signed,
    unsigned,
    begunAnew: begunAnewIn(lines),
    torn: torn !== '',
    problems,
  }
}

function begunAnewIn(lines: readonly string[]): CheckedRegister['begunAnew'] {
  const line = lines.map(readLine).findLast((one) => one?.kind === 'begun-anew')
  return line == null ? null : { line: line.number, at: line.time }
}

async function signedBy(root: Certificate, directory: PkiDirectory) {
  const files = await certificateFiles(directory)
  return files.filter(({ name, der }) => {
    try {
      return isIssuedBy(readCertificate(der, name), root)
    } catch (error) {
      if (error instanceof FpkiError) return false
      throw error
    }
  })
}

function signatureProblems(head: RegisterHead | null, root: Certificate | null): readonly Problem[] {
  const message = forgedHead(head, root)
  return message === null ? [] : [{ line: head?.number ?? null, code: 'bad-signature', message }]
}

function missingIn(
  lines: readonly string[],
  there: readonly { readonly name: string; readonly der: Uint8Array }[],
): readonly Problem[] {
  const known = new Set(
    lines.flatMap((line) => readLine(line)?.certificates.map(({ fingerprint }) => fingerprint) ?? []),
  )
  const missing = there.filter(({ der }) => !known.has(fingerprintOf(der)))
  return missing.map(({ name }) => {
    return { line: null, code: 'not-registered', message: `${name} is signed by the root, and not in the register.` }
  })
}
