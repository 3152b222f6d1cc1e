import { issueBatch } from './issue-batch.js'
import type { IssueCounts, IssueDevicesOptions, IssueDevicesPorts, IssueDevicesResult } from './issue-options.js'
import type { DeviceResult } from './model.js'
import { openBatch } from './open-batch.js'

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
  try {
    for await (const results of issueBatch(open.rows, open.batch, open.ports)) {
      await open.refused?.write(results.filter((result) => result.kind === 'refused'))
      counts = results.reduce(counted, counts)
      yield* results
    }
    await open.finish(counts)
  } catch (error) {
    // It is the cause of whatever cannot be closed now.
    await open.close().catch(() => undefined)
    throw error
  } finally {
    try {
      await open.recordHead(counts)
    } finally {
      await open.close()
    }
  }
  const { factory, line, issuer, dryRun } = open.batch
  const target = options.output?.target
  const out = target === undefined || target.kind === 'stdout' ? null : target.path
  return { factory, directory: options.directory, line: line.name, ca: issuer.file, dryRun, ...counts, out }
}

const NONE: IssueCounts = { issued: 0, reused: 0, refused: 0, planned: 0, refusals: {} }

function counted(counts: IssueCounts, result: DeviceResult): IssueCounts {
  const { refusals } = counts
  const one = { ...counts, [result.kind]: counts[result.kind] + 1 }
  return result.kind === 'refused'
    ? { ...one, refusals: { ...refusals, [result.code]: (refusals[result.code] ?? 0) + 1 } }
    : one
}
