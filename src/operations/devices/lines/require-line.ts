import { lineIsClosed, noSuchLine } from '../../../devices/line-errors.js'
import { DEFAULT_LINE, type Line, type LineStore } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { shellWord } from '../../../shell-word.js'

/** The line with this name. Throws ERR_LINE when it does not exist. */
export async function requireLine(
  { lines }: { readonly lines: Pick<LineStore, 'get'> },
  { directory, name }: { readonly directory: string; readonly name: string },
): Promise<Line> {
  const line = await lines.get(name)
  if (line === null) throw noSuchLine(name, directory)
  return line
}

/** The line with this name. Throws ERR_LINE when it does not exist, or is closed. */
export async function requireOpenLine(
  register: { readonly lines: Pick<LineStore, 'get'> },
  choice: { readonly directory: string; readonly name: string },
): Promise<Line> {
  const line = await requireLine(register, choice)
  if (line.state === 'closed') throw lineIsClosed(line.name, choice.directory)
  return line
}

/**
 * The line with this name, for devices that register themselves. Throws ERR_LINE when it does not exist, is closed, or is the
 * line `default`.
 */
export async function requireServiceLine(
  register: { readonly lines: Pick<LineStore, 'get'> },
  choice: { readonly directory: string; readonly name: string },
): Promise<Line> {
  if (choice.name !== DEFAULT_LINE) return requireOpenLine(register, choice)
  throw new FpkiError(
    'ERR_LINE',
    `The line ${DEFAULT_LINE} issues offline only: it has no limits, so it gets no token and no station.`,
    `Nothing was changed. Create a line for the service: \`fpki lines create ${shellWord(choice.directory)} NAME --quota NUMBER\`.`,
  )
}
