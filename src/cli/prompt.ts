import { createInterface } from 'node:readline/promises'
import type { ReadStream, WriteStream } from 'node:tty'
import { FpkiError } from '../errors.js'
import { secretText } from '../secret.js'
import { printable } from './output.js'

/**
 * Prompts for a secret on a terminal, without echo. Rejects with ERR_SIGINT on Ctrl-C and Ctrl-D, since a terminal in raw
 * mode sends no signals, and with the reason of `signal`. Throws ERR_USAGE for an answer with control characters.
 */
export async function askSecret(
  terminal: ReadStream,
  question: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  // Before the prompt, so that nothing typed early is echoed.
  terminal.setRawMode(true)
  terminal.setEncoding('utf8')
  try {
    say(printable(question))
    return secretText(await typedLine(terminal, signal), 'answer', 'the terminal')
  } finally {
    terminal.removeAllListeners('data')
    terminal.setRawMode(false)
    terminal.pause()
    say('\n')
  }
}

/** Prompts for a line on a terminal. Rejects with ERR_SIGINT at the end of input, and with the reason of `signal`. */
export async function askLine(
  terminal: ReadStream,
  output: WriteStream,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input: terminal, output })
  try {
    return await untilAborted<string>(signal, (resolve, reject) => {
      lines.once('SIGINT', () => reject(stopped())).once('close', () => reject(stopped()))
      lines.question(printable(question)).then(resolve, reject)
    })
  } catch (error) {
    // The cursor is still on the line of the prompt.
    output.write('\n')
    throw error
  } finally {
    lines.close()
  }
}

function typedLine(terminal: ReadStream, signal: AbortSignal): Promise<string> {
  return untilAborted(signal, (resolve, reject) => {
    let typed = ''
    const onKey = (key: string) => {
      if (!/[\r\n\u0003\u0004]/.test(key)) typed = withoutErased(typed + key)
      // Ignore an empty line: as a PIN it would cost one of the few attempts of the token.
      else if (!/[\r\n]/.test(key)) reject(stopped())
      else if (typed !== '') resolve(typed)
    }
    // One chunk can contain several keys, such as text typed ahead or an escape sequence.
    terminal.on('data', (keys: string) => keys.match(KEYS)?.forEach(onKey))
    terminal.resume()
  })
}

/** A promise that `signal` rejects with its reason. It leaves no listener, since many prompts share one signal. */
function untilAborted<T>(
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void,
): Promise<T> {
  let stop: (() => void) | undefined
  const promise = new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    stop = () => signal.removeEventListener('abort', abort)
    start(resolve, reject)
  })
  return promise.finally(stop)
}

/** Escape sequences, such as those of arrow keys, and characters. */
const KEYS = /\u001b\[[0-9;]*[A-Za-z~]|./gsu

/** Applies backspace and Ctrl-U. A pasted tab stays, so that the answer is refused rather than silently changed. */
function withoutErased(text: string): string {
  const characters: string[] = []
  for (const character of text.replace(/\u001b\[[0-9;]*[A-Za-z~]/g, '')) {
    if (character === '\u0015') characters.length = 0
    else if (character === '\u007f' || character === '\b') characters.pop()
    else characters.push(character)
  }
  return characters.join('')
}

function stopped(): FpkiError {
  // As for a signal: interrupted.ts replaces the hint.
  return new FpkiError('ERR_SIGINT', 'Interrupted at the prompt.', 'Run it again.')
}
