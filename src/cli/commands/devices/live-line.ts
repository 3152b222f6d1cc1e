import type { Io } from '../../output.js'

const ERASE = '\r\u001b[K'

/** A line of a terminal that is drawn again and again, and makes room for whatever else is printed. */
export interface LiveLine {
  /** Draws the line, unless a prompt is waiting for its answer. */
  draw(text: string): void
  clear(): void
  /** What prints and prompts while the line is there; it clears the line first. */
  readonly io: Io
}

/** A line at the bottom of stderr. */
export function liveLine(io: Io): LiveLine {
  const state = { isDrawn: false, isAsking: false }
  const clear = () => {
    if (state.isDrawn) io.stderr(ERASE)
    state.isDrawn = false
  }
  const askSecret = async (question: string) => {
    if (io.askSecret === null) throw new Error('there is no terminal to ask on')
    clear()
    state.isAsking = true
    try {
      return await io.askSecret(question)
    } finally {
      state.isAsking = false
    }
  }
  return {
    draw: (text) => {
      if (state.isAsking) return
      io.stderr(`${ERASE}${text}`)
      state.isDrawn = true
    },
    clear,
    io: {
      ...io,
      askSecret: io.askSecret === null ? null : askSecret,
      stderr: (text) => {
        clear()
        io.stderr(text)
      },
    },
  }
}
