import type { DeviceRegister, Line } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { shellWord } from '../../../shell-word.js'

/** The line with this name. Throws ERR_LINE when it does not exist. */
export async function requireLine(
  { lines }: Pick<DeviceRegister, 'lines'>,
  { directory, name }: { readonly directory: string; readonly name: string },
): Promise<Line> {
  const line = await lines.get(name)
  if (line !== null) return line
  throw new FpkiError(
    'ERR_LINE',
    `There is no line ${JSON.stringify(name)}.`,
    `Nothing was changed. \`fpki lines list ${shellWord(directory)}\` lists the lines.`,
  )
}
