import { chunksOf } from '../../../chunks.js'
import { afterIssuing, whyClosed } from '../../../devices/line-limits.js'
import { DEFAULT_LINE, type Line } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { shellWord } from '../../../shell-word.js'
import type { InputRow } from '../input/row.js'
import type { DeviceResult, IssuedDevice } from '../model.js'
import { issueChunk, prepareChunk } from './issue-chunk.js'
import { noPlans } from './plans.js'
import type { BatchRegister } from './rehearsal.js'
import type { IssueBatch, IssueBatchPorts } from './terms.js'
import { validityOf } from './validity.js'

/** How many rows the workers parse and verify while earlier ones are signed: enough that no worker waits for a commit. */
const AHEAD = 3

/** The rows of a commit: what a kill can make fpki sign again. */
const CHUNK = 256

/** How many chunks are in work: one is signed and committed while the one before it is written to the output. */
const IN_WORK = 2

/**
 * Issues certificates for the rows of a batch. Each chunk of rows is parsed and verified, decided, looked up, signed, verified,
 * committed and published, in that order; the workers read ahead, but no more than one chunk is ever signed and not yet
 * committed. Yields the result of every row once it is committed and written to the output, in chunks, in the order of the input.
 *
 * @throws FpkiError ERR_LINE when the line issues nothing now; ERR_REFUSED after too many refusals; the reason of the signal;
 *   and what the input, the register, the key and the output throw. What was yielded is committed
 */
export async function* issueBatch(
  rows: AsyncIterable<readonly InputRow[]>,
  batch: IssueBatch,
  ports: IssueBatchPorts,
): AsyncGenerator<readonly DeviceResult[], void> {
  yield* ahead(committedChunks(rows, batch, ports), publisher(ports), IN_WORK)
}

/** Writes chunks to the output, one after the other; none after one that failed. */
function publisher({ output }: IssueBatchPorts) {
  let turn: Promise<unknown> = Promise.resolve()
  return (results: readonly DeviceResult[]): Promise<readonly DeviceResult[]> => {
    const published = results.filter(
      (result): result is IssuedDevice => result.kind === 'issued' || result.kind === 'reused',
    )
    const written = turn.then(async () => {
      if (published.length > 0) await output?.write(published)
      return results
    })
    turn = written
    return written
  }
}

async function* committedChunks(
  rows: AsyncIterable<readonly InputRow[]>,
  batch: IssueBatch,
  ports: IssueBatchPorts,
): AsyncGenerator<readonly DeviceResult[], void> {
  const { clock, register, signal } = ports
  requireOpen(batch, clock())
  const validity = validityOf(batch, ports)
  const plans = batch.dryRun ? noPlans() : null
  let [refused, planned] = [0, 0]
  for await (const chunk of ahead(
    chunksOf(rows, CHUNK),
    (one: readonly InputRow[]) => prepareChunk(one, batch, ports),
    AHEAD,
  )) {
    signal.throwIfAborted()
    const results = await issueChunk(
      chunk,
      { ...batch, line: await currentLine(register, batch.line, planned, clock()), validity: validity(), plans },
      ports,
    )
    refused += results.filter(({ kind }) => kind === 'refused').length
    planned += results.filter(({ kind }) => kind === 'planned').length
    yield results
    if (batch.maxRefused !== null && refused > batch.maxRefused) throw tooManyRefused(refused, batch.maxRefused)
  }
}

/** Throws ERR_LINE when the line issues nothing at a time. */
export function requireOpen({ directory, line }: Pick<IssueBatch, 'directory' | 'line'>, now: Date): void {
  const refusal = whyClosed(line, now.getTime())
  if (refusal === null) return
  throw new FpkiError(
    'ERR_LINE',
    `No devices can be issued: ${refusal.reason}.`,
    line.name === DEFAULT_LINE
      ? `Nothing was signed. Name a line that is open: \`fpki lines list ${shellWord(directory)}\` shows the lines.`
      : `Nothing was signed. See the line with \`fpki lines show ${shellWord(directory)} ${line.name}\`.`,
    { option: 'line' },
  )
}

/** As it is now: another process may have paused or used it. A rehearsal takes nothing from it, so what it planned is added. */
async function currentLine({ lines }: BatchRegister, { name }: Line, planned: number, now: Date): Promise<Line> {
  const line = await lines.get(name)
  if (line === null) throw new Error(`the line ${name} has disappeared from the register`)
  return afterIssuing(line, planned, now.getTime())
}

/** Does `work` on up to `count` items ahead of their turn, and yields what came of it in their order. */
async function* ahead<In, Out>(
  items: AsyncIterable<In>,
  work: (item: In) => Promise<Out>,
  count: number,
): AsyncGenerator<Out> {
  const iterator = items[Symbol.asyncIterator]()
  const begun: Promise<{ readonly done: false; readonly out: Out } | { readonly done: true }>[] = []
  let turn: Promise<unknown> = Promise.resolve()
  const begin = () => {
    const item = turn.then(() => iterator.next())
    turn = item
    const out = item.then(async (next) =>
      next.done ? { done: true as const } : { done: false as const, out: await work(next.value) },
    )
    // Whoever waits for it hears of its failure; nobody does after an earlier one.
    out.catch(() => undefined)
    begun.push(out)
  }
  try {
    for (let index = 0; index < count; index++) begin()
    for (;;) {
      const next = await begun.shift()
      if (next === undefined || next.done) return
      begin()
      yield next.out
    }
  } finally {
    await iterator.return?.()
    await Promise.allSettled(begun)
  }
}

function tooManyRefused(refused: number, limit: number): FpkiError {
  return new FpkiError(
    'ERR_REFUSED',
    `Stopped: ${refused} rows were refused, and the limit is ${limit}.`,
    'Nothing is signed twice: correct the rows and run the same command again, or raise the limit.',
    { option: 'maxRefused' },
  )
}
