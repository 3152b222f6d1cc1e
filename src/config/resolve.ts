import type { DurableFiles } from '../ports.js'
import type { Setting, Settings } from './model.js'
import { PLACES, readOwnConfig, SETTING_NAMES, type SettingName } from './own.js'
import { hasConfiguration, type Places } from './places.js'
import { type SettingsFlags, stateDirectoryOf } from './settings.js'

const UNSET = { value: null, source: 'default' } as const

/** Combines flags, environment and fpki's own configuration, and checks each value. Throws ERR_USAGE, ERR_BAD_FILE. */
export async function resolveSettings(flags: SettingsFlags, places: Places, files: DurableFiles): Promise<Settings> {
  const own = await ownConfigOrEmpty(files, places)
  const setting = (name: SettingName) => settingOf(name, flags, places, own)
  const settings = Object.fromEntries(SETTING_NAMES.map((name) => [name, setting(name)])) as Record<
    SettingName,
    Setting
  >
  return {
    flags,
    places,
    api: orDefault(settings.api, () => 'embedded'),
    factory: settings.factory,
    stateDirectory: () => orDefault(settings['state-dir'], () => stateDirectoryOf(places.env, places.home)),
    cacert: settings.cacert,
    timeout: orDefault(settings.timeout, () => '30'),
    fioctl: async () => (await import('./servers.js')).readFioctlConfig(files, flags.config, places),
  }
}

/** Empty without HOME: the environment may suffice. */
async function ownConfigOrEmpty(
  files: DurableFiles,
  places: Places,
): Promise<Awaited<ReturnType<typeof readOwnConfig>>> {
  return hasConfiguration(places) ? readOwnConfig(files, places) : { path: '', values: {} }
}

function settingOf(
  name: SettingName,
  flags: SettingsFlags,
  { env }: Places,
  own: Awaited<ReturnType<typeof readOwnConfig>>,
): Setting {
  const { flag, variables, check } = PLACES[name]
  const sources: readonly (readonly [string, string | undefined])[] = [
    [`--${name}`, flags[flag]],
    // Empty variables count as unset.
    ...variables.map((variable) => [variable, env[variable] || undefined] as const),
    [own.path, own.values[name] || undefined],
  ]
  const [source, value] = sources.find(([, one]) => one !== undefined) ?? []
  return value === undefined || source === undefined ? UNSET : { value: check(value, source), source }
}

function orDefault({ value, source }: Setting, make: () => string): Setting<string> {
  return value === null ? { value: make(), source: 'default' } : { value, source }
}
