import { FpkiError } from '../../../errors.js'
import { OUTPUT_FORMATS, type OutputFormat, type OutputPlan } from './settings.js'

/**
 * What `--out` and `--out-format` mean: `-` is stdout, a name that ends in a format (`devices.csv`) is a file, and any other
 * is a folder with a folder for each device, unless the format says otherwise.
 *
 * @param out absolute, or `-`
 * @param format null: not given
 * @throws FpkiError ERR_USAGE for an unknown format, and for folders on stdout
 */
export function planOutput(out: string, format: string | null): OutputPlan {
  const known = format === null ? null : knownFormat(format)
  if (out === '-') {
    if (known !== 'sota') return { target: { kind: 'stdout' }, format: known ?? 'jsonl' }
    throw badFormat('Folders cannot be written to stdout.', 'Use the format tar, or a folder.')
  }
  const chosen = known ?? formatOfName(out)
  const path = out.replace(/(?<=.)\/+$/, '')
  return chosen === 'sota'
    ? { target: { kind: 'folder', path }, format: chosen }
    : { target: { kind: 'file', path }, format: chosen }
}

function knownFormat(text: string): OutputFormat {
  const format = OUTPUT_FORMATS.find((one) => one === text)
  if (format !== undefined) return format
  const hint = `Use one of: ${OUTPUT_FORMATS.join(', ')}.`
  throw badFormat(`Unknown output format ${JSON.stringify(text)}.`, hint)
}

/** The error for a format that there is not, or that does not go with its target. */
export function badFormat(message: string, hint: string): FpkiError {
  return new FpkiError('ERR_USAGE', message, hint, { option: 'outFormat' })
}

function formatOfName(out: string): OutputFormat {
  return OUTPUT_FORMATS.find((format) => format !== 'sota' && out.endsWith(`.${format}`)) ?? 'sota'
}
