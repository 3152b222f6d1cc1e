import { type AddDeviceCaResult, addDeviceCa } from '../../../operations/device-cas/add-device-ca.js'
import { type ChangeFlags, changeScene } from '../../change.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** The flags of `ca add-device-ca`. */
export interface AddDeviceCaFlags extends ChangeFlags {
  readonly onlineCa: boolean
  readonly localCa: boolean
  readonly localCaFilename: string
}

/** `fpki ca add-device-ca <directory>` */
export async function addCa(directory: string, flags: AddDeviceCaFlags, io: Io): Promise<void> {
  const { where, ports } = await changeScene(directory, flags, io)
  const { onlineCa, localCa, localCaFilename } = flags
  const added = await addDeviceCa({ ...where, onlineCa, localCa, localCaFilename }, ports)
  if (flags.json) printJson(io, added)
  else if (!flags.quiet) printText(io, summary(added))
}

function summary({ factory, directory, added }: AddDeviceCaResult): string {
  const lines = added.flatMap(({ role, file, keyFile, serial, notAfter }) => [
    `Added ${role} to the factory ${factory}: ${directory}/${file}`,
    `  valid until ${notAfter}, serial ${serial}`,
    ...(keyFile === null ? [] : [`  private key: ${directory}/${keyFile} (secret; back it up offline)`]),
  ])
  return `${lines.map(printable).join('\n')}\n`
}
