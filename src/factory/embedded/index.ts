import { join } from 'node:path'
import { checkFactoryName } from '../../factory-name.js'
import { isDnsName } from '../../pki/csr-policy.js'
import { serverNames } from '../../pki/server-name.js'
import type { Clock, DurableFiles, Random, Signer } from '../../ports.js'
import { createCsr } from '../../signer/x509/csr.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { CONFLICT, type CsrKind, type CsrOrder, type Csrs, type FactoryApi } from '../api.js'
import { withLock } from '../lock.js'
import { refused } from './refused.js'
import { applyUpdate } from './rules.js'
import { type FactoryState, factoryFolder, keyPath, type MadeCsr, readState, versionOf, writeState } from './state.js'

export { embeddedFactories, embeddedHas, embeddedText } from './listing.js'

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
    requestCsrs: (order) => locked(options, folder, (held) => requestCsrs(held, folder, order)),
    getCertificates: async () => {
      if ((await options.files.list(folder)) === null) return null
      await options.files.checkDirectory(folder)
      const certificates = (await readState(options.files, folder, options.factory))?.certificates ?? null
      return certificates === null ? null : { ...certificates, version: versionOf(certificates) }
    },
    updateCertificates: (update, version = null) =>
      locked(options, folder, async (held) => {
        const state = await stateOf(held, folder)
        requireVersion(state, version)
        await writeState(held.files, folder, applyUpdate(state, update, options.clock()))
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

/** What the embedded Factory API in a state directory is called in messages and records. */
export function embeddedApiName(stateDirectory: string): string {
  return `embedded (${stateDirectory})`
}

/** Is that the name of an embedded Factory API, and not of a server? */
export function isEmbeddedApi(name: string): boolean {
  return name.startsWith('embedded (')
}

/** The names of a factory's gateway when nobody says them. A factory's own name may be one that DNS does not take. */
function defaultTlsNames(factory: string): readonly string[] {
  return [`${factory.toLowerCase()}.localhost`, 'localhost'].filter(isDnsName)
}

async function requestCsrs(options: EmbeddedFactoryOptions, folder: string, order: CsrOrder): Promise<Csrs> {
  let state = await stateOf(options, folder)
  await options.files.sweep(join(folder, 'keys'))
  if (order.firstTimeInit && state.certificates !== null) throw refused(409, 'factory PKI is already initialized')
  const answer: Partial<Record<CsrKind, string>> = {}
  for (const kind of order.kinds) {
    const made = (await openCsr(options, folder, state, kind)) ?? (await makeCsr(options, folder, state, kind))
    answer[kind] = made.csr
    if (!state.csrs.includes(made)) state = { ...state, csrs: [...state.csrs, made] }
  }
  await writeState(options.files, folder, state)
  return answer
}

/**
 * A request that was given out and never answered is given out again: an answer that got lost leaves no spare key. A request
 * whose key a loss of power took is not.
 */
async function openCsr(
  options: EmbeddedFactoryOptions,
  folder: string,
  { csrs }: FactoryState,
  kind: CsrKind,
): Promise<MadeCsr | undefined> {
  const newest = csrs.findLast((made) => made.kind === kind)
  const sameNames = newest?.names.join() === namesFor(options, csrs, kind).join()
  if (newest === undefined || newest.answered || !sameNames) return undefined
  const hasKey = (await options.files.kindOf(keyPath(folder, kind, newest.generation))) !== null
  return hasKey ? newest : undefined
}

async function makeCsr(
  { files, keys, factory, ...options }: EmbeddedFactoryOptions,
  folder: string,
  { csrs }: FactoryState,
  kind: CsrKind,
): Promise<MadeCsr> {
  const generation = csrs.filter((made) => made.kind === kind).length + 1
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
  const inUse = csrs.findLast((made) => made.kind === kind && made.answered)
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
  throw refused(CONFLICT, 'the certificates have changed since they were read', hint)
}

/** The state in `folder`; when there is none, a new one with a new user id, which is not written yet. */
async function stateOf({ files, factory, random }: EmbeddedFactoryOptions, folder: string): Promise<FactoryState> {
  const state = await readState(files, folder, factory)
  if (state !== null) return state
  const userId = Buffer.from(random.bytes(12)).toString('hex')
  return { version: 1, factory, userId, csrs: [], certificates: null }
}

/** One writer a factory; another one is waited for, since every call is short. All that `work` writes is durable together. */
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
    return done
  })
}
