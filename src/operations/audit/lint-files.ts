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
  /** The factory that names were held against; null: none was named, and no root names one. */
  factory: z.nullable(z.string()),
  /** What was looked at; `block` counts the PEM blocks of a file from 1. */
  items: z.array(
    z.strictObject({
      ...place,
      kind: z.enum(['certificate', 'csr', 'crl', 'unreadable']),
      /** null: nothing tells, or it is neither a certificate nor a request. */
      role: z.nullable(z.enum(['root', 'device-ca', 'tls', 'device'])),
      /** The subject of a certificate or a request, the issuer of a CRL. */
      name: z.nullable(z.string()),
    }),
  ),
  findings: z.array(
    z.strictObject({
      ...place,
      severity: z.enum(['error', 'warning', 'notice']),
      /** Never changes its meaning; docs/lint.md has them all. */
      code: z.string(),
      reason: z.string(),
      cite: z.string(),
    }),
  ),
  errors: z.int(),
  warnings: z.int(),
  notices: z.int(),
  /** No error and, where that was asked for, no warning. */
  passed: z.boolean(),
})

/** See {@link lintFilesResult}. */
export type LintFilesResult = z.infer<typeof lintFilesResult>

/** What is to be linted. */
export interface LintFilesOptions {
  /** Files and directories, as a person names them; `-` is stdin. */
  readonly paths: readonly string[]
  /** What the paths are relative to. */
  readonly workingDirectory: string
  /** null: the one that the root names. */
  readonly factory: string | null
  /** The role of every certificate; null: each one's contents tell. */
  readonly profile: Role | null
  /** Warnings count as errors do. */
  readonly strict: boolean
}

/** What linting is given from outside. */
export interface LintFilesPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Pick<Progress, 'note'>
  readStdin(maxBytes: number): Promise<Uint8Array>
}

/** A CRL of 10 MB as PEM, and a little more. */
const MAX_FILE_BYTES = 15 * 1024 * 1024

/** Names of certificates, requests and CRLs; what is called so and holds none is worth a word. */
const LIKELY_NAME = /(\.(pem|crt|cer|der|csr|crl)|-crt)(\.bak(\.\d+)?)?$/

/**
 * Holds certificates, requests and CRLs against this factory's profiles and RFC 5280.
 *
 * @throws FpkiError ERR_BAD_FILE when a path leads nowhere; ERR_STORAGE when it cannot be read. What is wrong with a
 *   file's contents is a finding.
 */
export async function lintFiles(options: LintFilesOptions, ports: LintFilesPorts): Promise<LintFilesResult> {
  const names = new Map<string, string>()
  const items: LintItem[] = []
  for (const path of options.paths) items.push(...(await itemsOf(path, names, options, ports)))
  const beside = await rootsBeside(names, options, ports)
  const { findings, factory } = lint(items, beside, { factory: options.factory, now: ports.clock() })
  if (factory === null && items.some(({ kind }) => kind === 'certificate' || kind === 'csr')) {
    ports.progress.note('no factory is known, so that no OU was looked at; --factory names it.')
  }
  return { factory, items: items.map(describe), ...counted(findings, options.strict) }
}

/** `names` has the absolute paths that were read already, each with the name that it goes by. */
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
    throw new FpkiError('ERR_BAD_FILE', `There is no ${path}.`, 'Name a file or a directory that is there.')
  if (kind !== 'directory') return itemsOfFile(path, names, options, ports)
  const found: LintItem[] = []
  for (const name of (await ports.files.list(absolute)) ?? []) {
    if (name.endsWith('.key') || (await ports.files.kindOf(join(absolute, name))) !== 'file') continue
    const items = await itemsOfFile(join(path, name), names, options, ports)
    const isOther = items.every((item) =>
      item.problems.some(({ code }) => code === 'nothing-found' || code === 'too-large'),
    )
    if (!isOther || LIKELY_NAME.test(name)) found.push(...items)
  }
  const nothing = unreadable(
    { file: path, block: 1 },
    'nothing-found',
    'the directory holds no certificate, request or CRL',
  )
  return found.length === 0 ? [nothing] : found
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
  const octets = await atMost(files, absolute)
  if (octets === null) return whole('too-large', `it has more than ${MAX_FILE_BYTES} octets, or is no regular file`)
  if (!isLintable(octets)) return whole('nothing-found', 'it holds no certificate, request or CRL, neither PEM nor DER')
  const { items, hasKey } = readFileItems(octets, file, profile)
  if (items.length > 0) return items
  return whole('nothing-found', hasKey ? 'it holds keys only, which lint does not look at' : 'it holds nothing')
}

/** null: it is too large. */
async function atMost(files: DurableFiles, path: string): Promise<Uint8Array | null> {
  try {
    return (await files.readOctets(path, MAX_FILE_BYTES)) ?? new Uint8Array()
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_BAD_FILE') return null
    throw error
  }
}

/** The roots that stand in the directories of the files, and were not named themselves. */
async function rootsBeside(
  names: ReadonlyMap<string, string>,
  { workingDirectory }: LintFilesOptions,
  { files }: LintFilesPorts,
): Promise<readonly LintItem[]> {
  const siblings = [...names.values()].map((file) => join(dirname(file), PKI_FILES.rootCertificate))
  const roots: LintItem[] = []
  for (const file of new Set(siblings)) {
    const absolute = resolve(workingDirectory, file)
    if (names.has(absolute) || (await files.kindOf(absolute)) !== 'file') continue
    const octets = await atMost(files, absolute)
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

function counted(all: readonly Finding[], strict: boolean) {
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
