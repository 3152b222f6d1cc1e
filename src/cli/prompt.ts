import type { ReadStream } from 'node:tty'
import { FpkiError } from '../errors.js'
import { printable } from './output.js'

/**
 * Asks for a secret on a terminal, and shows nothing of what is typed. Rejects with ERR_SIGINT on Ctrl-C and Ctrl-D:
 * while the terminal gives each key by itself, it sends no signals.
 */
export async function askSecret(terminal: ReadStream, question: string, say: (text: string) => void): Promise<string> {
  say(printable(question))
  terminal.setRawMode(true)
  terminal.setEncoding('utf8')
  try {
    return await typedLine(terminal)
  } finally {
    terminal.setRawMode(false)
    terminal.pause()
    say('\n')
  }
}

function typedLine(terminal: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = ''
    const onData = (keys: string) => {
      const [, line = '', end] = /^([^\r\n\u0003\u0004]*)([\r\n\u0003\u0004]?)/.exec(keys) ?? []
      typed = withoutErased(typed + line)
      if (!end) return
      terminal.off('data', onData)
      if (/[\r\n]/.test(end)) resolve(typed)
      else reject(stopped())
    }
    terminal.on('data', onData)
    terminal.resume()
  })
}

/** Each backspace takes the character before it along. */
function withoutErased(text: string): string {
  const kept: string[] = []
  for (const character of text) {
    if (character === '\u007f' || character === '\b') kept.pop()
    else kept.push(character)
  }
  return kept.join('')
}

function stopped(): FpkiError {
  const hint = 'Run the same command again; it goes on where it stopped.'
  return new FpkiError('ERR_SIGINT', 'Stopped at the question; nothing is half done.', hint)
}
