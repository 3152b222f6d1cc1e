import * as z from 'zod/mini'
import { loggedRegisterIfReadable } from '../../audit-log/logged-register.js'
import { pkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { type KeyAccess, rootSignerOf } from '../../keystore/root-key.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Clock, DurableFiles, Passphrases, Random } from '../../ports.js'
import { openRegisterToRead } from '../devices/open-register.js'
import { CHECKS, type Check } from './verify/checks.js'
import { type ApiOf, type AuditContext, type CheckPorts, loadContext, type RegisterToCheck } from './verify/context.js'
import { type Finding, finding, passed, withNames } from './verify/finding.js'
import { whileIncomplete } from './verify/incomplete.js'

/** What `fpki ca verify --json` prints. */
export const verifyPkiResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** null: unknown. */
  factory: z.nullable(z.string()),
  /** The Factory API that was queried; null: none. */
  api: z.nullable(z.string()),
  checkedAt: z.string(),
  /** The worst of the findings. */
  result: z.enum(['ok', 'warning', 'failure']),
  findings: z.array(finding),
})

/** See {@link verifyPkiResult}. */
export type VerifyPkiResult = z.infer<typeof verifyPkiResult>

/** Options of `ca verify`. */
export interface VerifyPkiOptions {
  /** Absolute path. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** Warn about certificates that expire within so many days. */
  readonly warnDays: number
  /** The groups of checks to run; absent: all. */
  readonly groups?: readonly string[]
  /** `skip`: the device register is not checked, because the files are not on a disk. */
  readonly register?: 'skip'
}

/** Ports of `ca verify`. */
export interface VerifyPkiPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  /** Connects to the Factory API of a factory; null: check the directory only. */
  readonly api: ApiOf | null
  /** Access to the root key; null: the root key is skipped. */
  readonly access: KeyAccess | null
  /** For encrypted keys of local CAs; absent: that of `access`. */
  readonly passphrases?: Passphrases | undefined
}

/**
 * Audits a PKI directory: files, keys, certificates, Factory API and root key. Changes nothing, and runs all checks
 * whatever their findings.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY or ERR_STORAGE when the directory does not exist or cannot be read
 */
export async function verifyPki(options: VerifyPkiOptions, ports: VerifyPkiPorts): Promise<VerifyPkiResult> {
  const { files, random, api } = ports
  const now = ports.clock()
  const { directory: path, groups, register: registerChecks, ...rest } = options
  const context = await loadContext({ ...rest, path, files, api, now })
  const allowed = ports.passphrases ?? ports.access?.passphrases
  const passphrases = context.foreign === null || allowed === undefined ? allowed : noPassphrases(path)
  const access = ports.access === null || passphrases === undefined ? ports.access : { ...ports.access, passphrases }
  const register = registerChecks === 'skip' ? null : registerIn(path, ports)
  const rootSigner = access === null ? null : rootSignerOf(pkiDirectory(files, path), access)
  try {
    const checks = CHECKS.filter(({ group }) => groups?.includes(group) ?? true)
    const findings = await runChecks(checks, context, { rootSigner, random, passphrases, register })
    const result = worst(findings)
    return {
      directory: path,
      factory: context.factory,
      api: context.api?.name ?? null,
      checkedAt: rfc3339(now),
      result,
      findings,
    }
  } finally {
    await rootSigner?.close()
  }
}

function registerIn(path: string, ports: Pick<VerifyPkiPorts, 'files' | 'clock' | 'random'>): RegisterToCheck {
  return {
    open: () => openRegisterToRead({ directory: path, store: null }, ports),
    logged: () => loggedRegisterIfReadable({ files: ports.files, path }),
  }
}

/** Someone else could have put the key there to obtain the passphrase. */
function noPassphrases(directory: string): Passphrases {
  const refuse = async (what: string): Promise<never> => {
    const hint = 'Check the directory and take ownership of it, or skip the root key with --skip-root-key.'
    throw new FpkiError(
      'ERR_PASSPHRASE',
      `Refusing to use a passphrase for ${what}: ${directory} is not yours alone.`,
      hint,
    )
  }
  return { forExisting: refuse, forNew: () => refuse('a new key') }
}

async function runChecks(checks: readonly Check[], context: AuditContext, ports: CheckPorts): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const check of checks) {
    const results = await check.run(context, ports)
    const success = check.success(context)
    findings.push(...(results.length === 0 && success !== null ? [passed(check.group, success)] : results))
  }
  const names = { directory: context.directory.path, factory: context.factory }
  return findings.map((one) => whileIncomplete(withNames(one, names), context.directory))
}

/** The worst status of the findings. */
export function worst(findings: readonly Finding[]): VerifyPkiResult['result'] {
  const has = (status: Finding['status']) => findings.some((one) => one.status === status)
  if (has('failure')) return 'failure'
  return has('warning') ? 'warning' : 'ok'
}
