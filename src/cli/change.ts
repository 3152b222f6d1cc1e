import { thisMachine } from '../machine/index.js'
import type { ChangePorts } from '../operations/device-cas/change.js'
import { factoryOfPki } from '../operations/open-pki.js'
import { resolved } from './directory.js'
import { factoryApiFor } from './factory.js'
import { keyAccess } from './hsm.js'
import type { HsmFlags } from './hsm-options.js'
import type { CommonFlags } from './options.js'
import { type Io, progressOn } from './output.js'

/** The flags of the commands that change a PKI. */
export interface ChangeFlags extends CommonFlags, HsmFlags {}

/** The PKI to change, and the ports to change it with. */
export interface ChangeScene {
  readonly where: { readonly directory: string; readonly factory: string }
  readonly ports: ChangePorts
}

/**
 * What a command needs to change the PKI in a directory. The factory is that of the flags or the environment, else the
 * one recorded in the directory. Throws ERR_USAGE, and what opening the directory throws.
 */
export async function changeScene(
  directory: string,
  flags: ChangeFlags,
  io: Io,
  tlsNames: readonly string[] = [],
): Promise<ChangeScene> {
  const path = resolved(directory, io)
  const machine = thisMachine(io.machine)
  const progress = progressOn(io, flags)
  const ofDirectory = () => factoryOfPki(machine.files, path)
  const { factory, api } = await factoryApiFor(flags, io, machine, { changes: true, ofDirectory, tlsNames })
  const access = await keyAccess(flags, io, progress)
  return { where: { directory: path, factory }, ports: { ...machine, api, progress, signal: io.signal, access } }
}
