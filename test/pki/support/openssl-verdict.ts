import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathProblem } from '../../../src/pki/path.js'
import type { Certificate } from '../../../src/pki/read-certificate.js'
import { runProgram, temporaryDirectory } from '../../support/cli.js'
import { basicConstraints, dn, forge, type Key, keyUsage, newKey, pemOf, type RawExtension } from './forge.js'

/** Policies are looked at, and any will do; without `-policy`, OpenSSL takes none where one is required. */
const POLICIES = ['-policy_check', '-policy', '2.5.29.32.0']

/** What OpenSSL says of each of `leaves` below `root`; true: it accepts it. */
export async function opensslVerdicts(
  root: Certificate,
  untrusted: readonly Certificate[],
  leaves: readonly Certificate[],
): Promise<readonly boolean[]> {
  const folder = join(await temporaryDirectory(), 'chains')
  await mkdir(folder)
  const file = (name: string, certificates: readonly Certificate[]) =>
    writeFile(join(folder, name), pemOf(certificates))
  await file('root.pem', [root])
  await file('untrusted.pem', untrusted)
  const names = leaves.map((_, index) => `${index}.pem`)
  await Promise.all(leaves.map((leaf, index) => file(`${index}.pem`, [leaf])))
  const intermediates = untrusted.length > 0 ? ['-untrusted', 'untrusted.pem'] : []
  const trusted = ['-CAfile', 'root.pem', '-no-CApath', '-no-CAstore']
  const words = ['verify', '-x509_strict', ...POLICIES, ...trusted, ...intermediates, ...names]
  const { status, stdout, stderr } = await runProgram('openssl', words, { cwd: folder })
  // 2 is its no; anything else would be a mistake of this test.
  if (status !== 0 && status !== 2) throw new Error(stderr)
  const accepted = new Set([...stdout.matchAll(/^(\S+): OK$/gm)].map(([, name]) => name))
  return names.map((name) => accepted.has(name))
}

/** One certificate of a chain: only what is not as usual. */
export interface Link {
  /** As `dn` reads it. */
  readonly subject?: string
  readonly extensions?: readonly RawExtension[]
  readonly pathLength?: number | undefined
  /** Signed under its own name by the CA above it, which must have that name too. */
  readonly key?: Key
}

export const [ROOT_KEY, CA_KEY] = [newKey(), newKey()]
const [SUB_KEY, LEAF_KEY] = [newKey(), newKey()]
const KEYS = [ROOT_KEY, CA_KEY, SUB_KEY, newKey(), newKey()]

/** `keyCertSign, cRLSign` and `digitalSignature`. */
const [CA_USAGE, LEAF_USAGE] = [0x06, 0x80]

/** A chain of CAs, the root first, with the leaves below the last. */
export function chainOf(cas: readonly Link[], leaves: readonly Link[]) {
  const certificates: Certificate[] = []
  const nameOf = (at: number) => dn(cas[at]?.subject ?? `CN=CA ${at},OU=acme`)
  const keyOf = (at: number): Key => cas[at]?.key ?? KEYS[at] ?? ROOT_KEY
  for (const [at, { extensions = [], pathLength }] of cas.entries()) {
    const above = Math.max(at - 1, 0)
    const usual = [basicConstraints(pathLength), keyUsage(CA_USAGE)]
    const names = { subject: nameOf(at), issuer: nameOf(above) }
    certificates.push(
      forge({ ...names, key: keyOf(at), issuerKey: keyOf(above), extensions: [...usual, ...extensions] }),
    )
  }
  const last = cas.length - 1
  const ends = leaves.map(({ subject = 'CN=leaf,OU=acme', extensions = [] }) =>
    forge({
      subject: dn(subject),
      issuer: nameOf(last),
      key: LEAF_KEY,
      issuerKey: keyOf(last),
      extensions: [keyUsage(LEAF_USAGE), ...extensions],
    }),
  )
  const [root, ...intermediates] = certificates
  if (root === undefined) throw new Error('a chain has a root')
  return { root, intermediates, leaves: ends }
}

/** The verdicts of OpenSSL and of fpki on all leaves of a chain, and fpki's reasons. */
export async function bothVerdicts(cas: readonly Link[], leaves: readonly Link[]) {
  const { root, intermediates, leaves: ends } = chainOf(cas, leaves)
  const openssl = await opensslVerdicts(root, intermediates, ends)
  const reasons = ends.map((leaf) => pathProblem(leaf, { root, intermediates, at: new Date() }))
  return { openssl, fpki: reasons.map((reason) => reason === null), reasons }
}
