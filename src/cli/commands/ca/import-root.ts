import { thisMachine } from '../../../machine/index.js'
import { type ImportRootResult, importRoot } from '../../../operations/hsm/import-root.js'
import { resolved } from '../../directory.js'
import { factoryApiName } from '../../factory.js'
import { requiredHsm } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `ca import-root`. */
export interface ImportRootFlags extends CommonFlags, HsmFlags {
  readonly removeKey?: true
}

/** `fpki ca import-root <directory>` */
export async function importRootKey(directory: string, flags: ImportRootFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const progress = progressOn(io, flags)
  const { hsm, access } = await requiredHsm(flags, io, progress)
  const { passphrases, login } = access
  const machine = thisMachine(io.machine)
  const api = await factoryApiName(flags, io, machine)
  const options = { directory: path, hsm, removeKey: flags.removeKey === true, api }
  const imported = await importRoot(options, { ...machine, progress, signal: io.signal, passphrases, login })
  if (flags.json) printJson(io, imported)
  else if (!flags.quiet) printText(io, summary(imported))
}

function summary({ factory, directory, rootKey, keyFileRemoved }: ImportRootResult): string {
  const token = rootKey.kind === 'pkcs11' ? rootKey.tokenLabel : ''
  const file = keyFileRemoved
    ? 'Deleted factory_ca.key. Backups still contain the key: store them offline, or destroy them.\n'
    : 'factory_ca.key still exists. When you have a backup, run the command again with --remove-key.\n'
  return `Imported the root key of the factory ${printable(factory)} (${printable(directory)}) into the token "${printable(token)}"\n${file}`
}
