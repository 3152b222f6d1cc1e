import { dirname, isAbsolute, join } from 'node:path'
import { type ApiChoice, readApi } from '../config/api-choice.js'
import type { Setting, Settings } from '../config/model.js'
import { resolveSettings } from '../config/resolve.js'
import { onlyFactory } from '../config/settings.js'
import { FpkiError } from '../errors.js'
import { checkFactoryName } from '../factory-name.js'
import {
  embeddedApiName,
  embeddedFactoriesOn,
  embeddedFactoryOn,
  type FactoryApi,
  httpFactoryOn,
} from '../machine/index.js'
import type { Machine } from '../machine/machine.js'
import type { CommonFlags } from './options.js'
import { type Io, progressOn } from './output.js'

/** What a command needs a Factory API for. */
export interface FactoryNeed {
  /** It changes something, and must not go to an API that was guessed. */
  readonly changes: boolean
  /** What the PKI directory's own records say; asked when neither flags nor environment name a factory. */
  readonly ofDirectory?: () => Promise<string>
  /** The name of an embedded factory when nothing says one; without it, the only one there is. */
  readonly otherwise?: () => string
  /** For the gateway of an embedded factory. */
  readonly tlsNames?: readonly string[]
}

/** The Factory API that a command speaks to, and the factory that it speaks of. */
export interface ChosenFactory {
  readonly factory: string
  /** What gave the name: a flag, a variable, the path of a configuration, `the PKI directory`; null: nothing did. */
  readonly source: string | null
  readonly api: FactoryApi
  /** Of the embedded API; null: it is a server. */
  readonly stateDirectory: string | null
}

/**
 * The Factory API and the factory that flags, environment and configuration choose (docs/profile.md#choosing-api).
 *
 * @throws FpkiError ERR_API_NOT_CHOSEN, ERR_USAGE, ERR_NOT_INITIALIZED, ERR_BAD_FILE; ERR_API without credentials
 */
export async function factoryApiFor(
  flags: CommonFlags,
  io: Io,
  machine: Machine,
  need: FactoryNeed,
): Promise<ChosenFactory> {
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, machine.files)
  if (need.changes) await (await servers()).requireChosenApi(settings, machine.files)
  const choice = readApi(settings.api.value, settings.api.source)
  const named = await namedFactory(choice, settings, need)
  if (choice.kind === 'embedded') return embedded(named, settings, io, machine, need)
  const tlsNames = need.tlsNames ?? []
  if (tlsNames.length > 0) throw notItsNames(settings.api)
  if (named === null) throw nameless(settings.api.value)
  const { warn } = progressOn(io, flags)
  const connection = await (await servers()).connectionTo(choice, settings, machine.files)
  const { value: factory, source } = named
  const api = await httpFactoryOn({ connection, factory }, { ...machine, signal: io.signal, warn })
  return { factory, source, api, stateDirectory: null }
}

/** What the chosen Factory API is called in records; nothing is asked of it. */
export async function factoryApiName(flags: CommonFlags, io: Io, { files }: Machine): Promise<string> {
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  const choice = readApi(settings.api.value, settings.api.source)
  if (choice.kind === 'embedded') return embeddedApiName(settings.stateDirectory().value)
  return (await servers()).serverUrl(choice, settings)
}

/** As {@link factoryApiFor}, for a command that only writes both names down. `otherwise` is for embedded factories. */
export async function factoryNames(
  flags: CommonFlags,
  io: Io,
  machine: Machine,
  otherwise: () => string,
): Promise<{ readonly factory: string; readonly source: string | null; readonly api: string }> {
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, machine.files)
  const choice = readApi(settings.api.value, settings.api.source)
  const named = await namedFactory(choice, settings, { changes: false })
  if (named === null && choice.kind !== 'embedded') throw nameless(settings.api.value)
  const api = await factoryApiName(flags, io, machine)
  return { factory: named?.value ?? otherwise(), source: named?.source ?? null, api }
}

/** Where the embedded Factory API has its state; null: it is not the one that is chosen. */
export async function embeddedStateDirectory(flags: CommonFlags, io: Io, { files }: Machine): Promise<string | null> {
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  return settings.api.value === 'embedded' ? settings.stateDirectory().value : null
}

/** The state directory that `fpki api serve` and its tokens are about, whichever API is chosen otherwise. */
export async function servedStateDirectory(flags: CommonFlags, io: Io, { files }: Machine): Promise<string> {
  const { api, stateDirectory } = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  if (api.value === 'embedded' || api.source !== '--api') return stateDirectory().value
  throw new FpkiError('ERR_USAGE', `Only the embedded Factory API is served, not ${api.value}.`, 'Leave --api out.')
}

/** The factory that a token is for; null: all. Nothing is guessed: one of both has to be said. Throws ERR_USAGE. */
export async function tokenFactory(
  flags: CommonFlags & { readonly allFactories?: boolean },
  io: Io,
  { files }: Machine,
): Promise<string | null> {
  if (flags.allFactories === true && flags.factory === undefined) return null
  const { factory } = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  if (factory.value !== null && flags.allFactories !== true) return factory.value
  throw new FpkiError(
    'ERR_USAGE',
    'Is the token for one factory, or for all?',
    'Give --factory NAME or --all-factories.',
  )
}

async function embedded(
  named: NamedFactory | null,
  settings: Settings,
  io: Io,
  machine: Machine,
  { changes, otherwise, tlsNames = [] }: FactoryNeed,
): Promise<ChosenFactory> {
  const stateDirectory = settings.stateDirectory().value
  const factory = named?.value ?? otherwise?.() ?? onlyFactory(await embeddedFactoriesOn({ stateDirectory }, machine))
  if (changes) await requireWritable(machine, stateDirectory, factory)
  const api = embeddedFactoryOn({ stateDirectory, factory, tlsNames }, { ...machine, signal: io.signal })
  return { factory, source: named?.source ?? null, api, stateDirectory }
}

/**
 * Before anything is made: a HOME of `/`, as containers have it, is the usual reason. Whether a group's permission is ours is
 * left to the system. Throws ERR_STORAGE.
 */
async function requireWritable({ files, who }: Machine, stateDirectory: string, factory: string): Promise<void> {
  const { uid } = who()
  let path = join(stateDirectory, 'factories', factory)
  let status = await files.status(path).catch(() => null)
  while (status === null && path !== dirname(path)) {
    path = dirname(path)
    status = await files.status(path).catch(() => null)
  }
  if (status === null || uid === 0 || (status.mode & (status.uid === uid ? 0o200 : 0o022)) !== 0) return
  throw new FpkiError(
    'ERR_STORAGE',
    `The embedded Factory API cannot keep its state in ${stateDirectory}: you have no permission to write to ${path}.`,
    'Name a directory of your own with --state-dir DIR or in FPKI_STATE_DIR.',
  )
}

type NamedFactory = Setting<string>

/** Flags and environment, then the records of the PKI directory, then fpki's configuration, then fioctl's. */
async function namedFactory(choice: ApiChoice, settings: Settings, need: FactoryNeed): Promise<NamedFactory | null> {
  const { value, source } = settings.factory
  if (value !== null && !isAbsolute(source)) return { value, source }
  if (need.ofDirectory !== undefined) return { value: await need.ofDirectory(), source: 'the PKI directory' }
  if (value !== null) return { value, source }
  if (choice.kind === 'embedded') return null
  const { fioctlOf, serverUrl } = await servers()
  const fioctl = await fioctlOf(await serverUrl(choice, settings), settings)
  if (fioctl === null || fioctl.factory === null) return null
  return { value: checkFactoryName(fioctl.factory, fioctl.path), source: fioctl.path }
}

/** Loaded when a server may be meant: it costs every start that reads a file more. */
function servers() {
  return import('../config/servers.js')
}

function nameless(api: string): FpkiError {
  const hint = 'Name it with --factory, or for good with `fpki config set factory NAME`.'
  return new FpkiError('ERR_USAGE', `It is not said which factory of the API ${api} is meant.`, hint)
}

function notItsNames({ value, source }: Setting<string>): FpkiError {
  const hint = 'Leave --tls-name out: that server chooses the names of its gateway. Or give --api embedded.'
  const text = `--tls-name is for the embedded Factory API, and ${source} chooses ${value}.`
  return new FpkiError('ERR_USAGE', text, hint)
}
