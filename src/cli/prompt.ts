import { createInterface } from 'node:readline/promises'
import type { ReadStream, WriteStream } from 'node:tty'
import { FpkiError } from '../errors.js'
import { secretText } from '../secret.js'
import { printable } from './output.js'

/**
 * Asks for a secret on a terminal, and shows nothing of what is typed. Rejects with ERR_SIGINT on Ctrl-C and Ctrl-D:
 * while the terminal gives each key by itself, it sends no signals. `signal` ends the waiting, with its reason. Throws
 * ERR_USAGE for an answer that contains control characters.
 */
export async function askSecret(
  terminal: ReadStream,
  question: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  // Before the question: what is typed as soon as it shows is not to be seen.
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

/** Asks for a line on a terminal. Rejects with ERR_SIGINT at the end of the input; `signal` ends it with its reason. */
export async function askLine(
  terminal: ReadStream,
  output: WriteStream,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input: terminal, output })
  try {
    return await new Promise<string>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      lines.once('SIGINT', () => reject(stopped())).once('close', () => reject(stopped()))
      lines.question(printable(question)).then(resolve, reject)
    })
  } catch (error) {
    // The cursor is still on the line of the question.
    output.write('\n')
    throw error
  } finally {
    lines.close()
  }
}

function typedLine(terminal: ReadStream, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    let typed = ''
    const onKey = (key: string) => {
      if (!/[\r\n\u0003\u0004]/.test(key)) typed = withoutErased(typed + key)
      // An empty line is a slip; as a PIN it would cost one of the token's few tries.
      else if (!/[\r\n]/.test(key)) reject(stopped())
      else if (typed !== '') resolve(typed)
    }
    // A terminal gives whole lines and key sequences at once when it was typed ahead.
    terminal.on('data', (keys: string) => keys.match(KEYS)?.forEach(onKey))
    terminal.resume()
  })
}

/** Escape sequences (arrows and the like), which are no part of a PIN, and characters. */
const KEYS = /\u001b\[[0-9;]*[A-Za-z~]|./gsu

/** Each backspace erases the character before it, Ctrl-U all of them; a pasted tab stays, to be refused rather than lost. */
function withoutErased(text: string): string {
  const kept: string[] = []
  for (const character of text.replace(/\u001b\[[0-9;]*[A-Za-z~]/g, '')) {
    if (character === '\u0015') kept.length = 0
    else if (character === '\u007f' || character === '\b') kept.pop()
    else kept.push(character)
  }
  return kept.join('')
}

function stopped(): FpkiError {
  // As for a signal: interrupted.ts replaces the hint.
  return new FpkiError('ERR_SIGINT', 'Interrupted at the question.', 'Run it again.')
}
