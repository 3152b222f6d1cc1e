import * as z from 'zod/mini'
import { pkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { type KeyAccess, rootSignerOf } from '../../keystore/root-key.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Clock, DurableFiles, Passphrases, Random } from '../../ports.js'
import { CHECKS, type Check } from './verify/checks.js'
import { type Finding, finding, holds, withNames } from './verify/finding.js'
import { type ApiOf, type CheckPorts, gatherScene, type Scene } from './verify/scene.js'

/** What `fpki ca verify --json` prints. */
export const verifyPkiResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** null: nothing says it. */
  factory: z.nullable(z.string()),
  /** Which Factory API was asked; null: none was. */
  api: z.nullable(z.string()),
  checkedAt: z.string(),
  /** The worst of the findings. */
  result: z.enum(['ok', 'warning', 'failure']),
  findings: z.array(finding),
})

/** See {@link verifyPkiResult}. */
export type VerifyPkiResult = z.infer<typeof verifyPkiResult>

/** What `ca verify` is asked to do. */
export interface VerifyPkiOptions {
  /** Absolute path. */
  readonly directory: string
  /** null: the directory says it. */
  readonly factory: string | null
  /** A certificate that ends within so many days is warned of. */
  readonly warnDays: number
  /** The groups of checks that are run; absent: all of them. */
  readonly groups?: readonly string[]
}

/** What `ca verify` works with. */
export interface VerifyPkiPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  /** The Factory API that knows a factory; null: the directory is looked at alone. */
  readonly api: ApiOf | null
  /** How to get to the root key; null: it is not checked. */
  readonly access: KeyAccess | null
}

/**
 * Audits a PKI directory: files, keys, certificates, the Factory API, the root key. It changes nothing, and goes on
 * whatever it finds.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY or ERR_STORAGE when there is no directory to look at
 */
export async function verifyPki(options: VerifyPkiOptions, ports: VerifyPkiPorts): Promise<VerifyPkiResult> {
  const { files, random, api } = ports
  const now = ports.clock()
  const { directory: path, groups, ...others } = options
  const scene = await gatherScene({ ...others, path, files, api, now })
  const isOurs = scene.foreign === null
  const access = ports.access === null || isOurs ? ports.access : { ...ports.access, passphrases: noPassphrases(path) }
  const rootSigner = access === null ? null : rootSignerOf(pkiDirectory(files, path), access)
  try {
    const checks = CHECKS.filter(({ group }) => groups?.includes(group) ?? true)
    const findings = await runChecks(checks, scene, { rootSigner, random, passphrases: access?.passphrases })
    const result = worst(findings)
    return {
      directory: path,
      factory: scene.factory,
      api: scene.api?.name ?? null,
      checkedAt: rfc3339(now),
      result,
      findings,
    }
  } finally {
    await rootSigner?.close()
  }
}

/** A key in somebody else's directory is no reason to give a passphrase away. */
function noPassphrases(directory: string): Passphrases {
  const refuse = async (what: string): Promise<never> => {
    const hint = 'Check the directory and make it yours, or leave the root key out with --skip-root-key.'
    throw new FpkiError('ERR_PASSPHRASE', `Not using a passphrase for ${what}: ${directory} is not yours alone.`, hint)
  }
  return { forExisting: refuse, forNew: () => refuse('a new key') }
}

async function runChecks(checks: readonly Check[], scene: Scene, ports: CheckPorts): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const check of checks) {
    const found = await check.run(scene, ports)
    const nothing = check.holds(scene)
    findings.push(...(found.length === 0 && nothing !== null ? [holds(check.group, nothing)] : found))
  }
  const names = { directory: scene.directory.path, factory: scene.factory }
  return findings.map((one) => withNames(one, names))
}

/** The result that follows from findings. */
export function worst(findings: readonly Finding[]): VerifyPkiResult['result'] {
  const has = (status: Finding['status']) => findings.some((one) => one.status === status)
  if (has('failure')) return 'failure'
  return has('warning') ? 'warning' : 'ok'
}
