import { issueBatch } from './issue-batch.js'
import type { IssueCounts, IssueDevicesOptions, IssueDevicesPorts, IssueDevicesResult } from './issue-options.js'
import type { DeviceResult } from './model.js'
import { type OpenBatch, openBatch } from './open-batch.js'

export {
  type IssueDevicesOptions,
  type IssueDevicesPorts,
  type IssueDevicesResult,
  issueDevicesResult,
} from './issue-options.js'

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
  let isComplete = false
  try {
    for await (const results of issueBatch(open.rows, open.batch, open.ports)) {
      await open.refused?.write(results.filter((result) => result.kind === 'refused'))
      counts = results.reduce(counted, counts)
      yield* results
    }
    await open.finish(counts)
    isComplete = true
  } finally {
    await closeBatch(open, counts, isComplete)
  }
  const { factory, line, issuer, dryRun } = open.batch
  const target = options.output?.target
  const out = target === undefined || target.kind === 'stdout' ? null : target.path
  return { factory, directory: options.directory, line: line.name, ca: issuer.file, dryRun, ...counts, out }
}

/** Records what was issued, and closes everything. After an error, that is what counts, and not what it entails. */
async function closeBatch(open: OpenBatch, counts: IssueCounts, isComplete: boolean): Promise<void> {
  try {
    await open.recordHead(counts)
  } catch (error) {
    if (isComplete) throw error
  } finally {
    await open.close().catch((error: unknown) => {
      if (isComplete) throw error
    })
  }
}

const NONE: IssueCounts = { issued: 0, reused: 0, refused: 0, planned: 0, refusals: {} }

function counted(counts: IssueCounts, result: DeviceResult): IssueCounts {
  const { refusals } = counts
  const one = { ...counts, [result.kind]: counts[result.kind] + 1 }
  return result.kind === 'refused'
    ? { ...one, refusals: { ...refusals, [result.code]: (refusals[result.code] ?? 0) + 1 } }
    : one
}
