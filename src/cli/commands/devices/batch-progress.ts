import { thisMachine } from '../../../machine/index.js'
import type { IssueDevicesResult } from '../../../operations/devices/issue-devices.js'
import type { DeviceResult } from '../../../operations/devices/model.js'
import { columnsOf, type Io, type OutputFlags, printText, style } from '../../output.js'

/** How often a bar is drawn, and how often a line is printed where there is no terminal. */
const BAR_MILLISECONDS = 250
const LINE_MILLISECONDS = 10_000

const BAR_WIDTH = 20

/** What is shown of a running batch. */
interface Counts {
  readonly issued: number
  readonly reused: number
  readonly refused: number
  readonly planned: number
}

/**
 * Follows a batch to its end, with a progress bar on a terminal and a line now and then elsewhere, on stderr. Resolves to what
 * the batch returns.
 *
 * @param fraction how much of the input was read, from 0 to 1; null: unknown
 */
export async function followBatch(
  run: AsyncGenerator<DeviceResult, IssueDevicesResult>,
  fraction: () => number | null,
  io: Io,
  flags: OutputFlags,
): Promise<IssueDevicesResult> {
  const { clock } = thisMachine(io.machine)
  const started = clock().getTime()
  const counts = { issued: 0, reused: 0, refused: 0, planned: 0 }
  const isBar = io.terminal.stderr
  const show = () => {
    const seconds = Math.max((clock().getTime() - started) / 1000, 0.001)
    const text = progressText(counts, fraction(), seconds, isBar)
    io.stderr(isBar ? `\r\u001b[K${style(io, 'dim', text.slice(0, columnsOf(io.terminal) - 1))}` : `${text}\n`)
  }
  const timer = flags.quiet ? null : setInterval(show, isBar ? BAR_MILLISECONDS : LINE_MILLISECONDS)
  try {
    for (;;) {
      const next = await run.next()
      if (next.done) return next.value
      counts[next.value.kind]++
    }
  } finally {
    clearInterval(timer ?? undefined)
    if (timer !== null && isBar) io.stderr('\r\u001b[K')
  }
}

function progressText(counts: Counts, fraction: number | null, seconds: number, isBar: boolean): string {
  const total = counts.issued + counts.reused + counts.refused + counts.planned
  const rate = `${Math.round(total / seconds)}/s`
  const isKnown = fraction !== null && fraction > 0
  const left = isKnown ? [`${duration((seconds * (1 - fraction)) / fraction)} left`] : []
  const percent = isKnown ? [`${isBar ? `${bar(fraction)} ` : ''}${Math.floor(fraction * 100)} %`] : []
  return [...percent, countsText(counts), rate, ...left].join(', ')
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(fraction, 1) * BAR_WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`
}

/** `1 h 5 min`, `2 min 3 s` or `9 s`. */
function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

function countsText({ issued, reused, refused, planned }: Counts): string {
  const parts = [`${issued} issued`, `${reused} reused`, `${refused} refused`]
  return planned > 0 ? [`${planned} would be issued`, ...parts.slice(1)].join(', ') : parts.join(', ')
}

/** The end of a batch, for people: on stderr, because stdout may have the certificates. */
export function printSummary(result: IssueDevicesResult, io: Io): void {
  const { line, ca, dryRun, out, refusals } = result
  const counts = dryRun ? countsText({ ...result, issued: 0 }) : countsText(result)
  const where = out === null ? '' : ` to ${out}`
  const reasons = Object.entries(refusals).map(([code, count]) => `  refused, ${code}: ${count}`)
  const first = `${dryRun ? 'Rehearsed' : 'Done'}: ${counts} by line ${line} with ${ca}${where}`
  printText(io, `${[first, ...reasons].join('\n')}\n`, 'stderr')
}
