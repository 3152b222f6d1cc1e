import { dirname, join, resolve } from 'node:path'
import * as z from 'zod/mini'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import {
  type Finding,
  isLintable,
  type LintItem,
  lint,
  type Role,
  readFileItems,
  unreadable,
} from '../../lint/index.js'
import { formatName } from '../../pki/name.js'
import type { Clock, DurableFiles, Progress } from '../../ports.js'

export type { Role } from '../../lint/index.js'

const place = { file: z.string(), block: z.int() }

/** What `fpki lint --json` prints. */
export const lintFilesResult = jsonDocument({
  /** The factory that OUs were compared with; null: neither the options nor a root name one. */
  factory: z.nullable(z.string()),
  /** What was checked; `block` is the number of the PEM block in the file, from 1. */
  items: z.array(
    z.strictObject({
      ...place,
      kind: z.enum(['certificate', 'csr', 'crl', 'unreadable']),
      /** null: unknown, or neither a certificate nor a request. */
      role: z.nullable(z.enum(['root', 'cross', 'device-ca', 'tls', 'device', 'ocsp-responder'])),
      /** The subject of a certificate or a request, the issuer of a CRL. */
      name: z.nullable(z.string()),
    }),
  ),
  findings: z.array(
    z.strictObject({
      ...place,
      severity: z.enum(['error', 'warning', 'notice']),
      /** Stable; docs/lint.md lists them all. */
      code: z.string(),
      reason: z.string(),
      cite: z.string(),
    }),
  ),
  errors: z.int(),
  warnings: z.int(),
  notices: z.int(),
  /** No errors, and with `strict` no warnings. */
  passed: z.boolean(),
})

/** See {@link lintFilesResult}. */
export type LintFilesResult = z.infer<typeof lintFilesResult>

/** What to lint. */
export interface LintFilesOptions {
  /** Files and directories; `-` is stdin. */
  readonly paths: readonly string[]
  /** Relative paths are resolved against it. */
  readonly workingDirectory: string
  /** null: the one in the root certificate. */
  readonly factory: string | null
  /** The role of every certificate; null: derived from its content. */
  readonly profile: Role | null
  /** Warnings count as errors. */
  readonly strict: boolean
}

/** Ports of `fpki lint`. */
export interface LintFilesPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Pick<Progress, 'note'>
  readStdin(maxBytes: number): Promise<Uint8Array>
}

/** Enough for a CRL of 10 MB in PEM. */
const MAX_FILE_BYTES = 15 * 1024 * 1024

/** Names of certificate, request and CRL files: reported when they contain none. */
const LIKELY_NAME = /(\.(pem|crt|cer|der|csr|crl)|-crt)(\.bak(\.\d+)?)?$/

/**
 * Checks certificates, requests and CRLs against the profiles of the factory and RFC 5280.
 *
 * @throws FpkiError ERR_BAD_FILE when a path does not exist; ERR_STORAGE when it cannot be read. Problems with the content
 *   of a file are findings.
 */
export async function lintFiles(options: LintFilesOptions, ports: LintFilesPorts): Promise<LintFilesResult> {
  const names = new Map<string, string>()
  const items: LintItem[] = []
  for (const path of options.paths) items.push(...(await itemsOf(path, names, options, ports)))
  const roots = await siblingRoots(names, options, ports)
  const { findings, factory } = lint(items, roots, { factory: options.factory, now: ports.clock() })
  if (factory === null && items.some(({ kind }) => kind === 'certificate' || kind === 'csr')) {
    ports.progress.note('OUs were not checked, because the factory is unknown. Pass --factory NAME.')
  }
  return { factory, items: items.map(describe), ...summarize(findings, options.strict) }
}

/** `names` maps the absolute paths read so far to the names that findings use. */
async function itemsOf(
  path: string,
  names: Map<string, string>,
  options: LintFilesOptions,
  ports: LintFilesPorts,
): Promise<readonly LintItem[]> {
  if (path === '-') return readFileItems(await ports.readStdin(MAX_FILE_BYTES), 'stdin', options.profile).items
  const absolute = resolve(options.workingDirectory, path)
  const kind = await ports.files.kindOf(absolute)
  if (kind === null)
    throw new FpkiError('ERR_BAD_FILE', `${path} does not exist.`, 'Pass an existing file or directory.')
  if (kind !== 'directory') return itemsOfFile(path, names, options, ports)
  const collected: LintItem[] = []
  for (const name of (await ports.files.list(absolute)) ?? []) {
    if (name.endsWith('.key') || (await ports.files.kindOf(join(absolute, name))) !== 'file') continue
    const items = await itemsOfFile(join(path, name), names, options, ports)
    const isUnrelated = items.every((item) =>
      item.problems.some(({ code }) => code === 'nothing-found' || code === 'too-large'),
    )
    if (!isUnrelated || LIKELY_NAME.test(name)) collected.push(...items)
  }
  const nothing = unreadable(
    { file: path, block: 1 },
    'nothing-found',
    'the directory contains no certificate, request or CRL',
  )
  return collected.length === 0 ? [nothing] : collected
}

async function itemsOfFile(
  file: string,
  names: Map<string, string>,
  { workingDirectory, profile }: LintFilesOptions,
  { files }: LintFilesPorts,
): Promise<readonly LintItem[]> {
  const absolute = resolve(workingDirectory, file)
  if (names.has(absolute)) return []
  names.set(absolute, file)
  const whole = (code: 'too-large' | 'nothing-found', reason: string) => [unreadable({ file, block: 1 }, code, reason)]
  const octets = await readLimited(files, absolute)
  if (octets === null) return whole('too-large', `it is larger than ${MAX_FILE_BYTES} octets, or not a regular file`)
  if (!isLintable(octets)) return whole('nothing-found', 'it contains no certificate, request or CRL in PEM or DER')
  const { items, hasKey } = readFileItems(octets, file, profile)
  if (items.length > 0) return items
  return whole(
    'nothing-found',
    hasKey ? 'it contains only keys, which lint does not check' : 'it contains no PEM block',
  )
}

/** null: the file is too large or not a regular file. */
async function readLimited(files: DurableFiles, path: string): Promise<Uint8Array | null> {
  try {
    return (await files.readOctets(path, MAX_FILE_BYTES)) ?? new Uint8Array()
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
    throw error
  }
}

/** The root certificates next to the files, except those that are linted themselves. */
async function siblingRoots(
  names: ReadonlyMap<string, string>,
  { workingDirectory }: LintFilesOptions,
  { files }: LintFilesPorts,
): Promise<readonly LintItem[]> {
  const siblings = [...names.values()].map((file) => join(dirname(file), PKI_FILES.rootCertificate))
  const roots: LintItem[] = []
  for (const file of new Set(siblings)) {
    const absolute = resolve(workingDirectory, file)
    if (names.has(absolute) || (await files.kindOf(absolute)) !== 'file') continue
    const octets = await readLimited(files, absolute)
    if (octets !== null) roots.push(...readFileItems(octets, file, 'root').items)
  }
  return roots
}

function describe(item: LintItem): LintFilesResult['items'][number] {
  const { kind } = item
  const role = kind === 'certificate' || kind === 'csr' ? item.role : null
  const name = kind === 'crl' ? item.crl.issuer : kind === 'unreadable' ? null : item.subject
  return { ...item.place, kind, role, name: name === null ? null : formatName(name) }
}

function summarize(all: readonly Finding[], strict: boolean) {
  const findings = all.map(({ file, block, severity, code, reason, cite }) => ({
    file,
    block,
    severity,
    code,
    reason,
    cite,
  }))
  const count = (severity: Finding['severity']) => findings.filter((finding) => finding.severity === severity).length
  const [errors, warnings, notices] = [count('error'), count('warning'), count('notice')]
  return { findings, errors, warnings, notices, passed: errors === 0 && !(strict && warnings > 0) }
}
