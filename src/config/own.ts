import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import { checkFactoryName } from '../factory-name.js'
import type { DurableFiles } from '../ports.js'
import { readApi } from './api-choice.js'
import { ownConfigPath, type Places } from './places.js'
import { requireAbsolute, type SettingsFlags } from './settings.js'
import { badMember, editYaml, fileExists, readYaml } from './yaml-file.js'

/** The settings of fpki's own configuration. */
export const SETTING_NAMES = ['api', 'factory', 'state-dir', 'cacert', 'timeout'] as const

/** One of {@link SETTING_NAMES}. */
export type SettingName = (typeof SETTING_NAMES)[number]

/** The flag and variables of a setting, and its check. */
interface Place {
  readonly flag: keyof SettingsFlags
  readonly variables: readonly string[]
  /** Returns the checked value. `source` names its origin in errors. Throws ERR_USAGE. */
  check(value: string, source: string): string
}

/** Flags override variables, which override the configuration. */
export const PLACES: Readonly<Record<SettingName, Place>> = {
  api: {
    flag: 'api',
    variables: ['FPKI_API'],
    check: (value, source) => {
      const api = readApi(value, source)
      return api.kind === 'url' ? api.url : api.kind
    },
  },
  factory: { flag: 'factory', variables: ['FPKI_FACTORY', 'FIOCTL_FACTORY'], check: checkFactoryName },
  'state-dir': { flag: 'stateDir', variables: ['FPKI_STATE_DIR'], check: checkStateDirectory },
  cacert: { flag: 'cacert', variables: ['FPKI_CACERT', 'CACERT'], check: (value) => resolve(value) },
  timeout: { flag: 'timeout', variables: ['FPKI_TIMEOUT'], check: checkSeconds },
}

/** A path on the command line is relative to the working directory; stored paths must be absolute. */
function checkStateDirectory(value: string, source: string): string {
  const isTyped = source === '--state-dir' || source === 'the setting state-dir'
  return isTyped && value !== '' ? resolve(value) : requireAbsolute(value, source)
}

function checkSeconds(value: string, source: string): string {
  if (/^[1-9]\d{0,3}$/.test(value)) return value
  const message = `Invalid timeout in ${source}: ${JSON.stringify(value)}.`
  throw new FpkiError('ERR_USAGE', message, 'Use a number of seconds from 1 to 9999.')
}

const ownConfig = z.strictObject({
  api: z.optional(z.string()),
  factory: z.optional(z.string()),
  'state-dir': z.optional(z.string()),
  cacert: z.optional(z.string()),
  timeout: z.optional(z.string()),
})

/** Reads fpki's own configuration. Empty values count as unset. Throws ERR_BAD_FILE, naming the invalid member. */
export async function readOwnConfig(
  files: DurableFiles,
  places: Places,
): Promise<{ readonly path: string; readonly values: Readonly<{ [name in SettingName]?: string | undefined }> }> {
  const path = ownConfigPath(places)
  const parsed = ownConfig.safeParse((await readYaml(files, path)) ?? {})
  if (parsed.success) return { path, values: parsed.data }
  const [issue] = parsed.error.issues
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  throw badMember(path, unknown ?? issue?.path.join('.') ?? '')
}

/** Checks the name of a setting. Throws ERR_USAGE. */
export function checkSettingName(name: string): SettingName {
  const setting = SETTING_NAMES.find((one) => one === name)
  if (setting !== undefined) return setting
  const hint = `The settings are ${SETTING_NAMES.join(', ')}.`
  throw new FpkiError('ERR_USAGE', `Unknown setting: ${JSON.stringify(name)}.`, hint)
}

/** Sets or removes (null) one setting, and keeps the rest of the file. Returns the path of the file. */
export async function writeOwnConfig(
  files: DurableFiles,
  places: Places,
  name: SettingName,
  value: string | null,
): Promise<string> {
  const path = ownConfigPath(places)
  if (value === null && !(await fileExists(files, path))) return path
  const checked = value === null ? null : PLACES[name].check(value, `the setting ${name}`)
  await files.makeDirectory(dirname(path))
  await editYaml(files, path, [[[name], checked]])
  return path
}
