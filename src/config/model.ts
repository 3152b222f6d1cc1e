import type { FioctlConfig } from './fioctl.js'
import type { Places } from './places.js'
import type { SettingsFlags } from './settings.js'

/** The value of a setting and its source; null: not set. */
export interface Setting<T = string | null> {
  readonly value: T
  /** A flag, a variable, the path of a file, or `default`. */
  readonly source: string
}

/** What flags, environment and files say together. */
export interface Settings {
  readonly flags: SettingsFlags
  readonly places: Places
  readonly api: Setting<string>
  /** Without fioctl's configuration, which counts for its own server only. */
  readonly factory: Setting
  /** Of the embedded Factory API. Throws ERR_USAGE when there is no HOME for it. */
  stateDirectory(): Setting<string>
  /** A PEM file. */
  readonly cacert: Setting
  /** Seconds. */
  readonly timeout: Setting<string>
  /** fioctl's configuration; read on demand. */
  fioctl(): Promise<FioctlConfig>
}
