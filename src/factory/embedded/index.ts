import { dirname, join } from 'node:path'
import { checkFactoryName, isFactoryName } from '../../factory-name.js'
import { isDnsName } from '../../pki/csr-policy.js'
import { serverNames } from '../../pki/server-name.js'
import type { Clock, DurableFiles, Random, Signer } from '../../ports.js'
import { createCsr } from '../../signer/x509/csr.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { readJsonFileText } from '../../storage/json-file.js'
import { CONFLICT, type CsrKind, type CsrOrder, type Csrs, type FactoryApi } from '../api.js'
import { withLock } from '../lock.js'
import { refusal } from './refusal.js'
import { applyUpdate } from './rules.js'
import {
  type FactoryState,
  factoryFolder,
  isUnsynced,
  keyPath,
  markUnsynced,
  readState,
  type StoredCsr,
  statePath,
  unmarkUnsynced,
  versionOf,
  writeState,
} from './state.js'

/** Options of the embedded Factory API. */
interface EmbeddedFactoryOptions {
  /** Absolute; contains a folder for each factory. Created at the first write. */
  readonly stateDirectory: string
  readonly factory: string
  /** The names for the gateway's request, from toServerName; empty for `<factory>.localhost` and `localhost`. */
  readonly tlsNames: readonly string[]
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  /** Generates and opens the private keys of the API. */
  readonly keys: { newPem(): string; open(pem: string, what: string): Promise<Signer> }
  /** Waits between attempts to take the lock. */
  readonly sleep: (milliseconds: number) => Promise<void>
}

/** A complete Factory API in a folder (docs/profile.md#embedded-api). Throws ERR_USAGE for invalid options. */
export function embeddedFactory(options: EmbeddedFactoryOptions): FactoryApi {
  checkAbsolute(options.stateDirectory, 'state directory')
  const folder = factoryFolder(options.stateDirectory, checkFactoryName(options.factory, 'the caller'))
  const names = namesFor(options, [], 'tls')
  return {
    name: embeddedApiName(options.stateDirectory),
    plannedServer: { commonName: commonNameFor('tls', names), names },
    requestCsrs: (order) => locked(options, folder, (held) => requestCsrs(held, folder, order)),
    getCertificates: async () => {
      if ((await options.files.list(folder)) === null) return null
      await options.files.checkDirectory(folder)
      // A writer that was killed may have left what a loss of power would take back.
      if (await isUnsynced(options.files, folder))
        await locked(options, folder, async ({ files }) => files.syncAgain(folder))
      const certificates = (await readState(options.files, folder, options.factory))?.certificates ?? null
      return certificates === null ? null : { ...certificates, version: versionOf(certificates) }
    },
    updateCertificates: (update, version = null) =>
      locked(options, folder, async (held) => {
        const state = await stateOf(held, folder)
        requireVersion(state, version)
        const updated = applyUpdate(state, update, options.clock())
        await markUnsynced(held.files, folder)
        await writeState(held.files, folder, updated)
      }),
    getUser: async () => {
      const state =
        (await readState(options.files, folder, options.factory)) ??
        (await locked(options, folder, async (held) => {
          const state = await stateOf(held, folder)
          await writeState(held.files, folder, state)
          return state
        }))
      return { polisId: state.userId, name: 'the owner of this machine' }
    },
  }
}

/** The name of the embedded Factory API of a state directory. */
export function embeddedApiName(stateDirectory: string): string {
  return `embedded (${stateDirectory})`
}

/** Whether this is the name of an embedded Factory API, not of a server. */
export function isEmbeddedApi(name: string): boolean {
  return name.startsWith('embedded (')
}

/** The state directory in the name of an embedded Factory API; null: it is a server. */
export function embeddedStateDirectory(name: string): string | null {
  return /^embedded \((.*)\)$/s.exec(name)?.[1] ?? null
}

/** The names of the factories in a state directory, sorted. */
export async function embeddedFactories(files: DurableFiles, stateDirectory: string): Promise<readonly string[]> {
  const names = (await files.list(join(stateDirectory, 'factories'))) ?? []
  const contents = await Promise.all(
    names.map((name) => files.list(factoryFolder(stateDirectory, name)).catch(() => null)),
  )
  return names.filter((name, at) => isFactoryName(name) && contents[at]?.includes('factory.json'))
}

/** Whether a state directory contains this factory. `factory` is untrusted. */
export async function hasEmbeddedFactory(
  files: DurableFiles,
  stateDirectory: string,
  factory: string,
): Promise<boolean> {
  if (!isFactoryName(factory)) return false
  return (await files.kindOf(statePath(factoryFolder(stateDirectory, factory)))) === 'file'
}

/** The text of a factory's state file; null when it does not exist. `factory` is untrusted. */
export async function readEmbeddedState(
  files: DurableFiles,
  stateDirectory: string,
  factory: string,
): Promise<string | null> {
  if (!isFactoryName(factory)) return null
  const path = statePath(factoryFolder(stateDirectory, factory))
  await files.checkOwnFile(path)
  return readJsonFileText(files, path)
}

/** The default names of a factory's gateway. The name of the factory may not be a valid DNS label. */
function defaultTlsNames(factory: string): readonly string[] {
  return [`${factory.toLowerCase()}.localhost`, 'localhost'].filter(isDnsName)
}

async function requestCsrs(options: EmbeddedFactoryOptions, folder: string, order: CsrOrder): Promise<Csrs> {
  let state = await stateOf(options, folder)
  await options.files.sweep(join(folder, 'keys'))
  if (order.firstTimeInit && state.certificates !== null)
    throw refusal(options.factory, 409, 'factory PKI is already initialized')
  const answer: Partial<Record<CsrKind, string>> = {}
  for (const kind of order.kinds) {
    const stored = (await pendingCsr(options, folder, state, kind)) ?? (await makeCsr(options, folder, state, kind))
    answer[kind] = stored.csr
    if (!state.csrs.includes(stored)) state = { ...state, csrs: [...state.csrs, stored] }
  }
  await writeState(options.files, folder, state)
  return answer
}

/**
 * A request without a certificate so far is returned again, so that a lost response leaves no unused key. A request
 * whose key a loss of power took is not.
 */
async function pendingCsr(
  options: EmbeddedFactoryOptions,
  folder: string,
  { csrs }: FactoryState,
  kind: CsrKind,
): Promise<StoredCsr | undefined> {
  const newest = csrs.findLast((stored) => stored.kind === kind)
  const sameNames = newest?.names.join() === namesFor(options, csrs, kind).join()
  if (newest === undefined || newest.answered || !sameNames) return undefined
  if ((await options.files.kindOf(keyPath(folder, kind, newest.generation))) === null) return undefined
  await options.files.syncAgain(join(folder, 'keys'))
  return newest
}

async function makeCsr(
  { files, keys, factory, ...options }: EmbeddedFactoryOptions,
  folder: string,
  { csrs }: FactoryState,
  kind: CsrKind,
): Promise<StoredCsr> {
  const generation = csrs.filter((stored) => stored.kind === kind).length + 1
  const path = keyPath(folder, kind, generation)
  // An interrupted call may have left an unused key, which is used now.
  if ((await files.read(path, 16_384)) === null) await files.create(path, keys.newPem(), 0o600)
  else await files.syncAgain(dirname(path))
  const signer = await keys.open((await files.read(path, 16_384)) ?? '', path)
  const names = [...namesFor({ factory, ...options }, csrs, kind)]
  const subject = await commonNameAndUnit(commonNameFor(kind, names), factory)
  const csr = await createCsr(subject, serverNames(names), signer)
  return { kind, generation, names, csr, answered: false }
}

/** The names from the options or, by default, those of the current certificate: a new key keeps the names of the server. */
function namesFor(
  options: { tlsNames: readonly string[]; factory: string },
  csrs: FactoryState['csrs'],
  kind: CsrKind,
): readonly string[] {
  if (kind === 'ca') return []
  if (options.tlsNames.length > 0) return options.tlsNames
  const inUse = csrs.findLast((stored) => stored.kind === kind && stored.answered)
  return inUse?.names ?? defaultTlsNames(options.factory)
}

/** A commonName has at most 64 characters (RFC 5280, appendix A.1); longer names are only in subjectAltName. */
function commonNameFor(kind: CsrKind, names: readonly string[]): string {
  if (kind === 'ca') return 'online-ca'
  return names.find((name) => name.length <= 64) ?? 'device-gateway'
}

/** Called under the lock, so that nothing changes before the write. */
function requireVersion({ factory, certificates }: FactoryState, version: string | null): void {
  if (version === null || (certificates !== null && versionOf(certificates) === version)) return
  const hint = 'Another client changed it at the same time. Nothing was written; run the same command again.'
  throw refusal(factory, CONFLICT, 'the certificates have changed since they were read', hint)
}

/** The state in `folder`; a new one, not written yet, with a new user id if it does not exist. */
async function stateOf({ files, factory, random }: EmbeddedFactoryOptions, folder: string): Promise<FactoryState> {
  const state = await readState(files, folder, factory)
  if (state !== null) return state
  const userId = Buffer.from(random.bytes(12)).toString('hex')
  return { version: 1, factory, userId, csrs: [], certificates: null }
}

/** Allows one writer for each factory; others wait, since every call is short. All that `work` writes is durable together. */
async function locked<T>(
  options: EmbeddedFactoryOptions,
  folder: string,
  work: (held: EmbeddedFactoryOptions) => Promise<T>,
): Promise<T> {
  const files = options.files.deferring()
  await files.makeDirectory(join(folder, 'keys'))
  await files.checkDirectory(folder)
  await files.checkDirectory(join(folder, 'keys'))
  return withLock(options, folder, `the embedded factory ${options.factory}`, async () => {
    const done = await work({ ...options, files })
    await files.flush()
    await unmarkUnsynced(files, folder)
    return done
  })
}
