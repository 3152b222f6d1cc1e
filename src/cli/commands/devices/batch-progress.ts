import { thisMachine } from '../../../machine/index.js'
import type { IssueDevicesOptions, IssueDevicesResult } from '../../../operations/devices/issue/issue-devices.js'
import type { DeviceResult } from '../../../operations/devices/model.js'
import { shellWord } from '../../../shell-word.js'
import { columnsOf, type Io, type OutputFlags, printText, style } from '../../output.js'
import type { LiveLine } from './live-line.js'
import { refusalExamples } from './refusal-examples.js'

/** How often a bar is drawn, and how often a line is printed where there is no terminal. */
const BAR_MILLISECONDS = 250
const LINE_MILLISECONDS = 10_000

/** The bar takes what the text leaves of the terminal, if that is enough to see something. */
const BAR = { most: 20, least: 4 }

/** What is shown of a running batch. */
interface Counts {
  readonly issued: number
  readonly reused: number
  readonly refused: number
  readonly planned: number
}

/**
 * Follows a batch to its end, with a progress bar on a terminal and a line now and then elsewhere, on stderr. In the end, and
 * after an error too, prints why rows were refused: an example for each reason. Resolves to what the batch returns.
 *
 * @param fraction how much of the input was read, from 0 to 1; null: unknown
 */
export async function followBatch(
  run: AsyncGenerator<DeviceResult, IssueDevicesResult>,
  fraction: () => number | null,
  live: LiveLine,
  flags: OutputFlags,
): Promise<IssueDevicesResult> {
  const { io } = live
  const { clock } = thisMachine(io.machine)
  const started = clock().getTime()
  const counts = { issued: 0, reused: 0, refused: 0, planned: 0 }
  const refusals = refusalExamples()
  let stopped = ''
  const isBar = io.terminal.stderr
  // Once all is read, nothing says how much is left.
  const part = () => {
    const read = fraction()
    return read !== null && read > 0 && read < 1 ? read : null
  }
  const show = () => {
    const seconds = Math.max((clock().getTime() - started) / 1000, 0.001)
    const text = progressText(counts, part(), seconds)
    if (isBar) live.draw(style(io, 'dim', withBar(text, part(), columnsOf(io.terminal) - 1)))
    else io.stderr(`${text}\n`)
  }
  const timer = flags.quiet ? null : setInterval(show, isBar ? BAR_MILLISECONDS : LINE_MILLISECONDS)
  try {
    for (;;) {
      const next = await run.next()
      if (next.done) return next.value
      counts[next.value.kind]++
      refusals.add(next.value)
    }
  } catch (error) {
    stopped = stoppedText(counts)
    throw error
  } finally {
    clearInterval(timer ?? undefined)
    live.clear()
    printText(io, refusals.text() + stopped, 'stderr')
  }
}

function progressText(counts: Counts, fraction: number | null, seconds: number): string {
  const total = counts.issued + counts.reused + counts.refused + counts.planned
  const rate = `${Math.round(total / seconds)}/s`
  const left = fraction === null ? [] : [`${duration((seconds * (1 - fraction)) / fraction)} left`]
  const percent = fraction === null ? [] : [`${Math.floor(fraction * 100)} %`]
  return [...percent, countsText(counts), rate, ...left].join(', ')
}

function withBar(text: string, fraction: number | null, columns: number): string {
  const width = Math.min(BAR.most, columns - text.length - 1)
  if (fraction === null || width < BAR.least) return text.slice(0, columns)
  const full = Math.round(fraction * width)
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} ${text}`
}

/** `1 h 5 min`, `2 min 3 s` or `9 s`. */
function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

function countsText({ issued, reused, refused, planned }: Counts, dryRun = planned > 0): string {
  const first = dryRun ? `${planned} would be issued` : `${issued} issued`
  return `${first}, ${reused} reused, ${refused} refused`
}

/** What was done before an error; empty: nothing was. */
function stoppedText(counts: Counts): string {
  const isNothing = Object.values(counts).every((count) => count === 0)
  return isNothing ? '' : `So far: ${countsText(counts)}.\n`
}

/** The end of a batch, for people: on stderr, because stdout may have the certificates. */
export function printSummary(
  result: IssueDevicesResult,
  { output, refusedFile }: Pick<IssueDevicesOptions, 'output' | 'refusedFile'>,
  io: Io,
): void {
  const { directory, line, ca, dryRun, out, issued, reused, refused, refusals, abandoned } = result
  const first = dryRun
    ? `Dry run: ${countsText(result, true)}. Nothing was signed or recorded.`
    : `Done: ${countsText(result)}, by line ${line} with ${ca}.`
  const hasCertificates = !dryRun && issued + reused > 0
  const lines = [
    first,
    ...(abandoned > 0 ? [abandonedText(abandoned, dryRun)] : []),
    ...(hasCertificates && out !== null ? [`Certificates: ${out}`] : []),
    ...(hasCertificates && output === null ? [WRITE_CERTIFICATES] : []),
    ...(isLineClosed(refusals) ? [`See the line: fpki lines show ${shellWord(directory)} ${shellWord(line)}`] : []),
    ...(refused > 0 ? [refusedFile === null ? LIST_REFUSED : `Refused rows: ${refusedFile}`] : []),
  ]
  printText(io, `${lines.join('\n')}\n`, 'stderr')
}

function abandonedText(count: number, dryRun: boolean): string {
  const of = count === 1 ? '1 device' : `${count} devices`
  return `New keys for ${of} whose keys are not in the output: the earlier certificates ${dryRun ? 'would be' : 'are'} abandoned.`
}

const WRITE_CERTIFICATES =
  'Certificates: in the device register only. To write them too, run the command again with --out devices/'
const LIST_REFUSED =
  'To list all refused rows, run the command again with --refused refused.csv: nothing is signed twice.'

const LINE_CODES = ['quota', 'daily-quota', 'window', 'line-paused', 'line-closed']

/** Were rows refused because their line was not open, or used up? */
export function isLineClosed(refusals: IssueDevicesResult['refusals']): boolean {
  return LINE_CODES.some((code) => code in refusals)
}
