import { noSuchLine } from '../../../devices/line-errors.js'
import type { Line, LineStore } from '../../../devices/register.js'

/** The line with this name. Throws ERR_LINE when it does not exist. */
export async function requireLine(
  { lines }: { readonly lines: Pick<LineStore, 'get'> },
  { directory, name }: { readonly directory: string; readonly name: string },
): Promise<Line> {
  const line = await lines.get(name)
  if (line === null) throw noSuchLine(name, directory)
  return line
}
