import { thisMachine } from '../../../machine/index.js'
import { drawHierarchy, hierarchyOfShown, writePicture } from '../../../operations/report/draw-pki.js'
import type { ShowPkiResult } from '../../../operations/show/show-pki.js'
import { filePath } from '../../directory.js'
import { type CommonFlags, WARN_DAYS } from '../../options.js'
import { type Io, progressOn } from '../../output.js'

/** The flags for a picture; one of both is given. */
interface PictureFlags extends CommonFlags {
  readonly svg?: string
  readonly mermaid?: string
}

/** `fpki ca show [directory] --svg FILE`, `--mermaid FILE` */
export async function showPicture(
  pki: { readonly shown: ShowPkiResult; readonly directory: string | null },
  flags: PictureFlags,
  io: Io,
): Promise<void> {
  const machine = thisMachine(io.machine)
  const [format, file] =
    flags.svg === undefined ? (['mermaid', flags.mermaid ?? '-'] as const) : (['svg', flags.svg] as const)
  const text = drawHierarchy(await hierarchyOfShown({ ...pki, warnDays: WARN_DAYS }, machine), format)
  if (file === '-') return io.stdout(text)
  const out = filePath(file, io)
  await writePicture({ text, out, directories: pki.directory === null ? [] : [pki.directory] }, machine.files)
  progressOn(io, flags).note(`Wrote the picture to ${out}.`)
}
