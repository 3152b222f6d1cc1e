import { ownConfigPath } from '../../../config/places.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson } from '../../output.js'

/** `fpki config path` */
export async function configPath({ json }: CommonFlags, io: Io): Promise<void> {
  const path = ownConfigPath({ env: io.env, home: io.home })
  if (json) printJson(io, { path })
  else io.stdout(`${printable(path)}\n`)
}
