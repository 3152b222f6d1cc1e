import { FpkiError } from '../../../errors.js'
import type { DeviceResult } from '../model.js'
import { issueBatch } from './issue-batch.js'
import { type OpenBatch, openBatch } from './open-batch.js'
import type { IssueCounts, IssueDevicesOptions, IssueDevicesPorts, IssueDevicesResult } from './options.js'

export {
  type IssueDevicesOptions,
  type IssueDevicesPorts,
  type IssueDevicesResult,
  issueDevicesResult,
} from './options.js'

/**
 * Issues certificates for a batch of devices. Yields the result of each row once its certificate is committed to the device
 * register and written to the output, and returns the totals. A device that the register knows with the same key gets the
 * certificate that it has, so that an interrupted batch is finished by running it again.
 *
 * @throws FpkiError ERR_LINE when the line issues nothing now; ERR_REFUSED after too many refusals; as openPki, findDeviceIssuer,
 *   openDeviceInput and openDeviceOutput do; errors of the register and of the key; and the reason of the signal
 */
export async function* issueDevices(
  options: IssueDevicesOptions,
  ports: IssueDevicesPorts,
): AsyncGenerator<DeviceResult, IssueDevicesResult> {
  const open = await openBatch(options, ports)
  let counts: IssueCounts = NONE
  let isDone = false
  try {
    for await (const results of issueBatch(open.rows, open.batch, open.ports)) {
      await open.refused?.write(results.filter((result) => result.kind === 'refused'))
      counts = results.reduce(counted, counts)
      yield* results
    }
    if (isEmpty(counts)) throw noDevices(options)
    await open.finish(counts)
    isDone = true
  } finally {
    const ended = endBatch(open, counts)
    // Why a batch stopped is more important than what cannot be closed after that.
    await (isDone ? ended : ended.catch(() => undefined))
  }
  const { factory, line, issuer, dryRun } = open.batch
  const target = options.output?.target
  const out = target === undefined || target.kind === 'stdout' ? null : target.path
  return {
    factory,
    directory: options.directory,
    line: line.name,
    ca: issuer.file,
    dryRun,
    ...counts,
    abandoned: open.abandoned(),
    out,
  }
}

async function endBatch(open: OpenBatch, counts: IssueCounts): Promise<void> {
  try {
    await open.recordHead(counts)
  } finally {
    await open.close()
  }
}

function isEmpty({ issued, reused, refused, planned }: IssueCounts): boolean {
  return issued + reused + refused + planned === 0
}

function noDevices({ input }: IssueDevicesOptions): FpkiError {
  const text = `There are no devices in ${input.path ?? 'stdin'}.`
  return new FpkiError('ERR_BAD_FILE', text, 'Nothing was issued. Check the input, and its format.')
}

const NONE: IssueCounts = { issued: 0, reused: 0, refused: 0, planned: 0, refusals: {} }

function counted(counts: IssueCounts, result: DeviceResult): IssueCounts {
  const { refusals } = counts
  const one = { ...counts, [result.kind]: counts[result.kind] + 1 }
  return result.kind === 'refused'
    ? { ...one, refusals: { ...refusals, [result.code]: (refusals[result.code] ?? 0) + 1 } }
    : one
}
