import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { followBatch } from '../../../src/cli/commands/devices/batch-progress.js'
import { liveLine } from '../../../src/cli/commands/devices/live-line.js'
import type { Io } from '../../../src/cli/output.js'
import type { IssueDevicesResult } from '../../../src/operations/devices/issue/issue-devices.js'
import type { DeviceResult } from '../../../src/operations/devices/model.js'
import { silentIo } from '../silent-io.js'

const ERASE = '\r\u001b[K'

/** A terminal without colour that asks for secrets; everything that it shows, and the answer to its prompt. */
function terminal(columns = 80) {
  const shown: string[] = []
  const answer: { give: (text: string) => void } = { give: () => undefined }
  const io: Io = {
    ...silentIo(() => undefined),
    env: { NO_COLOR: '1' },
    stderr: (text) => shown.push(text),
    askSecret: (question) => {
      shown.push(question)
      return new Promise((resolve) => {
        answer.give = resolve
      })
    },
    terminal: { stdout: true, stderr: true, columns },
  }
  return { io, shown, answer }
}

describe('a line that is drawn again and again', () => {
  test('makes room for a warning', () => {
    const { io, shown } = terminal()
    const live = liveLine(io)
    live.io.stderr('first\n')
    live.draw('10 %')
    live.io.stderr('warning\n')
    live.clear()
    expect(shown).toEqual(['first\n', `${ERASE}10 %`, ERASE, 'warning\n'])
  })

  test('is not drawn over a prompt that waits for its answer', async () => {
    const { io, shown, answer } = terminal()
    const live = liveLine(io)
    live.draw('0 issued')
    const asked = live.io.askSecret?.('Passphrase: ')
    live.draw('0 issued')
    answer.give('secret')
    expect(await asked).toBe('secret')
    live.draw('1 issued')
    expect(shown).toEqual([`${ERASE}0 issued`, ERASE, 'Passphrase: ', `${ERASE}1 issued`])
  })

  test('asks nothing without a terminal', () => {
    expect(liveLine(silentIo(() => undefined)).io.askSecret).toBeNull()
  })
})

describe('the progress of a batch', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  /** What is shown of a batch of which 450,000 devices are done after three minutes. */
  async function shownAt(columns: number, read = 0.45): Promise<string> {
    const { io, shown } = terminal(columns)
    const refused: DeviceResult = { kind: 'refused', at: 'line 1', uuid: null, code: 'csr-key', reason: 'no' }
    async function* run(): AsyncGenerator<DeviceResult, IssueDevicesResult> {
      for (let row = 0; row < 450_000; row++) yield refused
      await vi.advanceTimersByTimeAsync(180_000)
      throw new Error('enough')
    }
    await expect(followBatch(run(), () => read, liveLine(io), {})).rejects.toThrow('enough')
    return (
      shown
        .filter((text) => text.startsWith(ERASE) && text !== ERASE)
        .at(-1)
        ?.slice(ERASE.length) ?? ''
    )
  }

  test.each([
    [100, /^█{9}░{11} 45 %, 0 issued, 0 reused, 450000 refused, 2500\/s, 3 min 40 s left$/],
    [80, /^█+░+ 45 %, .* 3 min 40 s left$/],
    [66, /^45 %, .* 3 min 40 s left$/],
    [40, /^45 %, 0 issued, 0 reused, 450000 refuse$/],
  ])('fits %i columns, with the time that is left before the bar', async (columns, expected) => {
    const shown = await shownAt(columns)
    expect(shown).toMatch(expected)
    expect(shown.length).toBeLessThan(columns)
  })

  test('claims no end when all is read, but not yet issued', async () => {
    expect(await shownAt(80, 1)).toBe('0 issued, 0 reused, 450000 refused, 2500/s')
  })
})
