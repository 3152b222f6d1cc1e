import { unreadable } from './model.js'

/** A line of an input, with its number from 1. `text` is null when the line is longer than allowed. */
export interface InputLine {
  readonly number: number
  readonly text: string | null
}

/**
 * The lines of an octet stream (UTF-8 with or without a byte order mark, LF or CRLF), in memory one at a time. Throws
 * ERR_BAD_FILE when it is not UTF-8.
 *
 * @param maxLength of a line, in characters; a longer one is passed over and reported
 */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  what: string,
  maxLength: number,
): AsyncGenerator<InputLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let [number, rest, isTooLong] = [1, '', false]
  for await (const chunk of source) {
    const pieces = decode(decoder, chunk, what).split('\n')
    const last = pieces.pop() ?? ''
    for (const piece of pieces) {
      yield line(number++, isTooLong ? null : rest + piece, maxLength)
      rest = ''
      isTooLong = false
    }
    rest += last
    if (rest.length > maxLength) [rest, isTooLong] = ['', true]
  }
  decode(decoder, null, what)
  if (rest !== '' || isTooLong) yield line(number, isTooLong ? null : rest, maxLength)
}

function line(number: number, text: string | null, maxLength: number): InputLine {
  const whole = text === null || text.length > maxLength ? null : text.replace(/\r$/, '')
  return { number, text: whole }
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array | null, what: string): string {
  try {
    return chunk === null ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch {
    throw unreadable(what, 'it is not UTF-8', 'Save it as UTF-8 (in a spreadsheet: "CSV UTF-8").')
  }
}
