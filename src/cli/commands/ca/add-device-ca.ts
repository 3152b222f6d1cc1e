import { type AddDeviceCaResult, addDeviceCa } from '../../../operations/device-cas/add-device-ca.js'
import { decimalToHex } from '../../../serial-hex.js'
import { type ChangeFlags, changeScene } from '../../change.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `ca add-device-ca`. */
export interface AddDeviceCaFlags extends ChangeFlags {
  readonly onlineCa: boolean
  readonly localCa: boolean
  readonly localCaFilename: string
  readonly crlSign?: boolean
}

const UNKNOWN_AT_FOUNDRIES = 'Whether the Factory API of Foundries accepts a device CA with cRLSign is unknown.'

/** `fpki ca add-device-ca <directory>` */
export async function addCa(directory: string, flags: AddDeviceCaFlags, io: Io): Promise<void> {
  const { where, ports } = await changeScene(directory, flags, io)
  const { onlineCa, localCa, localCaFilename, crlSign = false } = flags
  if (crlSign && localCa) progressOn(io, flags).warn(UNKNOWN_AT_FOUNDRIES)
  const added = await addDeviceCa({ ...where, onlineCa, localCa, localCaFilename, crlSign }, ports)
  if (flags.json) printJson(io, added)
  else if (!flags.quiet) printText(io, summary(added))
}

function summary({ factory, directory, added }: AddDeviceCaResult): string {
  const lines = added.flatMap(({ role, file, keyFile, serial, notAfter }) => [
    `Added ${role} to the factory ${factory}: ${directory}/${file}`,
    `  valid until ${notAfter}, serial ${decimalToHex(serial)}`,
    ...(keyFile === null ? [] : [`  private key: ${directory}/${keyFile} (secret; back it up offline)`]),
  ])
  return `${lines.map(printable).join('\n')}\n`
}
