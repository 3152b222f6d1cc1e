import { dirname, isAbsolute, join } from 'node:path'
import { type ApiChoice, readApi } from '../config/api-choice.js'
import type { Setting, Settings } from '../config/model.js'
import { resolveSettings } from '../config/resolve.js'
import { onlyFactory } from '../config/settings.js'
import { FpkiError } from '../errors.js'
import { checkFactoryName } from '../factory-name.js'
import {
  type DeviceApi,
  embeddedApiName,
  embeddedFactoriesOn,
  embeddedFactoryOn,
  type FactoryApi,
  httpFactoryOn,
} from '../machine/index.js'
import type { Machine } from '../machine/machine.js'
import type { CommonFlags } from './options.js'
import { type Io, progressOn } from './output.js'

/** How a command uses the Factory API. */
export interface FactoryNeed {
  /** The command changes something, so it must not use an API by default while another one is configured. */
  readonly changes: boolean
  /** Reads the factory from the records of the PKI directory, if neither flags nor environment name one. */
  readonly ofDirectory?: () => Promise<string>
  /** The default name of an embedded factory; if absent, the only existing one. */
  readonly otherwise?: () => string
  /** Names of the gateway of an embedded factory. */
  readonly tlsNames?: readonly string[]
}

/** The selected Factory API and factory. */
export interface ChosenFactory {
  readonly factory: string
  /** Where the name is from: a flag, a variable, a configuration file, `the PKI directory`; null: a default. */
  readonly source: string | null
  readonly api: FactoryApi
  /** What is informed of devices; null: the embedded API, which reads the device register. */
  readonly devices: DeviceApi | null
  /** Of the embedded API; null for a server. */
  readonly stateDirectory: string | null
}

/**
 * Opens the Factory API that flags, environment and configuration select (docs/profile.md#choosing-api).
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
  if (tlsNames.length > 0) throw tlsNamesNotAllowed(settings.api)
  if (named === null) throw noFactory(settings.api.value)
  const { warn } = progressOn(io, flags)
  const connection = await (await servers()).connectionTo(choice, settings, machine.files)
  const { value: factory, source } = named
  const api = await httpFactoryOn({ connection, factory }, { ...machine, signal: io.signal, warn })
  return { factory, source, api, devices: api.devices, stateDirectory: null }
}

/** The name of the selected Factory API in records, without contacting it. */
export async function factoryApiName(flags: CommonFlags, io: Io, { files }: Machine): Promise<string> {
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  const choice = readApi(settings.api.value, settings.api.source)
  if (choice.kind === 'embedded') return embeddedApiName(settings.stateDirectory().value)
  return (await servers()).serverUrl(choice, settings)
}

/** Like {@link factoryApiFor}, for a command that only records the names. */
export async function factoryNames(
  flags: CommonFlags,
  io: Io,
  machine: Machine,
  otherwise: () => string,
): Promise<{ readonly factory: string; readonly source: string | null; readonly api: string }> {
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, machine.files)
  const choice = readApi(settings.api.value, settings.api.source)
  const named = await namedFactory(choice, settings, { changes: false })
  if (named === null && choice.kind !== 'embedded') throw noFactory(settings.api.value)
  const api = await factoryApiName(flags, io, machine)
  return { factory: named?.value ?? otherwise(), source: named?.source ?? null, api }
}

/** The state directory of the embedded Factory API; null if another API is selected. */
export async function embeddedStateDirectory(flags: CommonFlags, io: Io, { files }: Machine): Promise<string | null> {
  const settings = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  return settings.api.value === 'embedded' ? settings.stateDirectory().value : null
}

/** The state directory for `fpki api serve` and its tokens, whichever API the configuration selects. Throws ERR_USAGE. */
export async function servedStateDirectory(flags: CommonFlags, io: Io, { files }: Machine): Promise<string> {
  const { api, stateDirectory } = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  if (api.value === 'embedded' || api.source !== '--api') return stateDirectory().value
  throw new FpkiError(
    'ERR_USAGE',
    `Cannot serve ${api.value}: only the embedded Factory API can serve others.`,
    'Omit --api.',
  )
}

/** A factory given as an argument must not contradict --factory. Throws ERR_USAGE. */
export function requireSameFactory(factory: string, flags: CommonFlags): void {
  if (flags.factory === undefined || flags.factory === factory) return
  throw new FpkiError(
    'ERR_USAGE',
    `Conflicting factories: ${factory} and --factory ${flags.factory}.`,
    'Omit --factory.',
  )
}

/** The factory of a new token; null for all. The user must choose explicitly. Throws ERR_USAGE. */
export async function tokenFactory(
  flags: CommonFlags & { readonly allFactories?: boolean },
  io: Io,
  { files }: Machine,
): Promise<string | null> {
  if (flags.allFactories === true && flags.factory === undefined) return null
  const { factory } = await resolveSettings(flags, { env: io.env, home: io.home }, files)
  if (factory.value !== null && flags.allFactories !== true) return factory.value
  throw new FpkiError('ERR_USAGE', 'No factory given for the token.', 'Pass --factory NAME, or --all-factories.')
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
  return { factory, source: named?.source ?? null, api, devices: null, stateDirectory }
}

/**
 * Fails before anything is created. The usual cause is HOME=/ in a container. Group permissions are left to the system.
 * Throws ERR_STORAGE.
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
    `The embedded Factory API cannot write to ${stateDirectory}: no write permission for ${path}.`,
    'Choose another directory with --state-dir DIR or FPKI_STATE_DIR.',
  )
}

type NamedFactory = Setting<string>

/** In order of precedence: flags and environment, the PKI directory, the configuration of fpki, that of fioctl. */
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

/** Loaded only when needed: each file that is loaded slows down every start. */
function servers() {
  return import('../config/servers.js')
}

function noFactory(api: string): FpkiError {
  const hint = 'Pass --factory NAME, or set a default with `fpki config set factory NAME`.'
  return new FpkiError('ERR_USAGE', `No factory given for the Factory API ${api}.`, hint)
}

function tlsNamesNotAllowed({ value, source }: Setting<string>): FpkiError {
  const hint = 'Omit --tls-name, since the server chooses the names of its gateway; or pass --api embedded.'
  const text = `--tls-name requires the embedded Factory API, but ${source} selects ${value}.`
  return new FpkiError('ERR_USAGE', text, hint)
}
