import { join } from 'node:path'
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
  keyPath,
  readState,
  type StoredCsr,
  statePath,
  versionOf,
  writeState,
} from './state.js'

/** What the embedded Factory API is given. */
export interface EmbeddedFactoryOptions {
  /** Absolute; factories are kept in folders below it. Made when something is written first. */
  readonly stateDirectory: string
  readonly factory: string
  /**
   * The names that the gateway's request asks for, from toServerName: DNS names and IP addresses. Empty: `<factory>.localhost`
   * and `localhost`.
   */
  readonly tlsNames: readonly string[]
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  /** Makes and opens the private keys that the API keeps. */
  readonly keys: { newPem(): string; open(pem: string, what: string): Promise<Signer> }
  /** Waits between two tries to get the lock. */
  readonly sleep: (milliseconds: number) => Promise<void>
}

/**
 * A whole Factory API in a folder of this machine (contract.md 4, cli.md "Which Factory API"). Throws ERR_USAGE when the
 * factory's name cannot be one, or the state directory is relative.
 */
export function embeddedFactory(options: EmbeddedFactoryOptions): FactoryApi {
  checkAbsolute(options.stateDirectory, 'state directory')
  const folder = factoryFolder(options.stateDirectory, checkFactoryName(options.factory, 'the caller'))
  const names = namesFor(options, [], 'tls')
  return {
    name: embeddedApiName(options.stateDirectory),
    plannedServer: { commonName: commonNameFor('tls', names), names },
    requestCsrs: (order) => locked(options, folder, () => requestCsrs(options, folder, order)),
    getCertificates: async () => {
      if ((await options.files.list(folder)) === null) return null
      await options.files.checkDirectory(folder)
      const certificates = (await readState(options.files, folder, options.factory))?.certificates ?? null
      return certificates === null ? null : { ...certificates, version: versionOf(certificates) }
    },
    updateCertificates: (update, version = null) =>
      locked(options, folder, async () => {
        const state = await stateOf(options, folder)
        requireVersion(state, version)
        await writeState(options.files, folder, applyUpdate(state, update, options.clock()))
      }),
    getUser: async () => {
      const state =
        (await readState(options.files, folder, options.factory)) ??
        (await locked(options, folder, () => stateOf(options, folder)))
      return { polisId: state.userId, name: 'the owner of this machine' }
    },
  }
}

/** What the embedded Factory API in a state directory is called in messages and records. */
export function embeddedApiName(stateDirectory: string): string {
  return `embedded (${stateDirectory})`
}

/** Is that the name of an embedded Factory API, and not of a server? */
export function isEmbeddedApi(name: string): boolean {
  return name.startsWith('embedded (')
}

/** The names of the factories that a state directory holds, sorted. */
export async function embeddedFactories(files: DurableFiles, stateDirectory: string): Promise<readonly string[]> {
  const names = (await files.list(join(stateDirectory, 'factories'))) ?? []
  const contents = await Promise.all(
    names.map((name) => files.list(factoryFolder(stateDirectory, name)).catch(() => null)),
  )
  return names.filter((name, at) => isFactoryName(name) && contents[at]?.includes('factory.json'))
}

/** Does a state directory hold this factory? `factory` comes from outside. */
export async function hasEmbeddedFactory(
  files: DurableFiles,
  stateDirectory: string,
  factory: string,
): Promise<boolean> {
  const isThere = async () => (await files.kindOf(statePath(factoryFolder(stateDirectory, factory)))) === 'file'
  return isFactoryName(factory) && (await isThere())
}

/** The state of a factory as it stands in its file; null: there is none. `factory` comes from outside. */
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

/** The names of a factory's gateway when nobody says them. A factory's own name may be one that DNS does not take. */
function defaultTlsNames(factory: string): readonly string[] {
  return [`${factory.toLowerCase()}.localhost`, 'localhost'].filter(isDnsName)
}

async function requestCsrs(options: EmbeddedFactoryOptions, folder: string, order: CsrOrder): Promise<Csrs> {
  let state = await stateOf(options, folder)
  await options.files.sweep(join(folder, 'keys'))
  if (order.firstTimeInit && state.certificates !== null) throw refusal(409, 'factory PKI is already initialized')
  const answer: Partial<Record<CsrKind, string>> = {}
  for (const kind of order.kinds) {
    const stored = pendingCsr(options, state, kind) ?? (await makeCsr(options, folder, state, kind))
    answer[kind] = stored.csr
    if (!state.csrs.includes(stored)) state = { ...state, csrs: [...state.csrs, stored] }
  }
  await writeState(options.files, folder, state)
  return answer
}

/** A request that was given out and never answered is given out again: an answer that got lost leaves no spare key. */
function pendingCsr(options: EmbeddedFactoryOptions, { csrs }: FactoryState, kind: CsrKind): StoredCsr | undefined {
  const newest = csrs.findLast((stored) => stored.kind === kind)
  const sameNames = newest?.names.join() === namesFor(options, csrs, kind).join()
  return newest?.answered === false && sameNames ? newest : undefined
}

async function makeCsr(
  { files, keys, factory, ...options }: EmbeddedFactoryOptions,
  folder: string,
  { csrs }: FactoryState,
  kind: CsrKind,
): Promise<StoredCsr> {
  const generation = csrs.filter((stored) => stored.kind === kind).length + 1
  const path = keyPath(folder, kind, generation)
  // A key without a request was left by an interrupted call; nothing has used it, and it serves now.
  if ((await files.read(path, 16_384)) === null) await files.create(path, keys.newPem(), 0o600)
  const signer = await keys.open((await files.read(path, 16_384)) ?? '', path)
  const names = [...namesFor({ factory, ...options }, csrs, kind)]
  const subject = await commonNameAndUnit(commonNameFor(kind, names), factory)
  const csr = await createCsr(subject, serverNames(names), signer)
  return { kind, generation, names, csr, answered: false }
}

/** Those that were said, else those of the certificate that is in use: a server keeps its names when its key changes. */
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

/** A commonName has 64 characters at most (RFC 5280, appendix A.1); a longer name is in subjectAltName only. */
function commonNameFor(kind: CsrKind, names: readonly string[]): string {
  if (kind === 'ca') return 'online-ca'
  return names.find((name) => name.length <= 64) ?? 'device-gateway'
}

/** Under the lock, so that nothing can come between this and the write. */
function requireVersion({ certificates }: FactoryState, version: string | null): void {
  if (version === null || (certificates !== null && versionOf(certificates) === version)) return
  const hint = 'Somebody else changed it at the same time; nothing was changed by this command. Run it again.'
  throw refusal(CONFLICT, 'the certificates have changed since they were read', hint)
}

/** The state in `folder`, stored with a new user id when there is none. */
async function stateOf({ files, factory, random }: EmbeddedFactoryOptions, folder: string): Promise<FactoryState> {
  const state = await readState(files, folder, factory)
  if (state !== null) return state
  const userId = Buffer.from(random.bytes(12)).toString('hex')
  const fresh: FactoryState = { version: 1, factory, userId, csrs: [], certificates: null }
  await writeState(files, folder, fresh)
  return fresh
}

/** One writer a factory; another one is waited for, since every call is short. */
async function locked<T>(options: EmbeddedFactoryOptions, folder: string, work: () => Promise<T>): Promise<T> {
  const { files } = options
  await files.makeDirectory(join(folder, 'keys'))
  await files.checkDirectory(folder)
  await files.checkDirectory(join(folder, 'keys'))
  return withLock(options, folder, `the embedded factory ${options.factory}`, work)
}
