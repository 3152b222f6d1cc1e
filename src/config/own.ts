import { dirname, resolve } from 'node:path'
import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import { checkFactoryName } from '../factory-name.js'
import type { DurableFiles } from '../ports.js'
import { readApi } from './api-choice.js'
import { ownConfigPath, type Places } from './places.js'
import { requireAbsolute, type SettingsFlags } from './settings.js'
import { badMember, editYaml, fileExists, readYaml } from './yaml-file.js'

/** The names of the settings that fpki's own configuration can hold. */
export const SETTING_NAMES = ['api', 'factory', 'state-dir', 'cacert', 'timeout'] as const

/** One of {@link SETTING_NAMES}. */
export type SettingName = (typeof SETTING_NAMES)[number]

/** Where a setting can be setting beside the configuration, and what it must be. */
interface Place {
  readonly flag: keyof SettingsFlags
  readonly variables: readonly string[]
  /** Throws ERR_USAGE. `source` says where the value comes from. */
  check(value: string, source: string): string
}

/** Flags stand above variables, and these above the configuration. */
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

/** A path on the command line is relative to where it is typed; one that is kept must mean the same from everywhere. */
function checkStateDirectory(value: string, source: string): string {
  const isTyped = source === '--state-dir' || source === 'the setting state-dir'
  return isTyped && value !== '' ? resolve(value) : requireAbsolute(value, source)
}

function checkSeconds(value: string, source: string): string {
  if (/^[1-9]\d{0,3}$/.test(value)) return value
  const message = `The time-out of ${source} is no number of seconds: ${JSON.stringify(value)}.`
  throw new FpkiError('ERR_USAGE', message, 'Give 1 to 9999.')
}

const ownConfig = z.strictObject({
  api: z.optional(z.string()),
  factory: z.optional(z.string()),
  'state-dir': z.optional(z.string()),
  cacert: z.optional(z.string()),
  timeout: z.optional(z.string()),
})

/** What fpki's own configuration says; an empty value is none. Throws ERR_BAD_FILE, which names the member. */
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

/** `name`, when it is a setting. Throws ERR_USAGE. */
export function checkSettingName(name: string): SettingName {
  const known = SETTING_NAMES.find((one) => one === name)
  if (known !== undefined) return known
  const hint = `There are ${SETTING_NAMES.join(', ')}.`
  throw new FpkiError('ERR_USAGE', `There is no setting ${JSON.stringify(name)}.`, hint)
}

/** Sets one, or takes it away (null), and keeps all else. Gives the path of the file. */
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
