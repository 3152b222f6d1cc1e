import { wavesOf } from '../../../devices/waves.js'
import type { CertificateOrder, DeviceBatches } from '../../../issuance/device-batch/model.js'
import type { DeviceInput, InputRow } from '../input/row.js'
import type { DeviceResult, RefusedDevice } from '../model.js'
import { decideRow, requestRefusal } from './decide-row.js'
import { issueRound } from './issue-round.js'
import { next, refusedRow } from './results.js'
import type { IssueBatch, IssueChunkPorts, RoundTerms, WantedDevice } from './terms.js'

/** The rows of a chunk, in their order. */
export type PreparedChunk = readonly (WantedDevice | RefusedDevice)[]

/** Parses and verifies the requests of a chunk, and decides which rows the line makes. Asks the register nothing. */
export async function prepareChunk(
  rows: readonly InputRow[],
  batch: IssueBatch,
  { batches }: { readonly batches: Pick<DeviceBatches, 'check'> },
): Promise<PreparedChunk> {
  const { line } = batch
  const requests = rows.flatMap((row) => ('problem' in row || row.csr === null ? [] : [row.csr]))
  const checked = (await batches.check(requests, line)).values()
  return rows.map((row) => {
    if ('problem' in row) return refusedRow(row.at, null, { code: 'input-unreadable', reason: row.problem })
    const request = row.csr === null ? null : checked.next().value
    const refusal = requestRefusal(row, batch.makeKeys)
    if (refusal !== null) return refusedRow(row.at, null, refusal)
    if (request?.kind === 'refused') return refusedRow(row.at, null, request)
    return wantedDevice(row, request ?? null, batch)
  })
}

function wantedDevice(
  row: DeviceInput,
  request: (CertificateOrder & { readonly uuid: string; readonly isProduction: boolean }) | null,
  { line, production, group }: IssueBatch,
): WantedDevice | RefusedDevice {
  const decided = decideRow(row, request, line, { production, group })
  if (decided.kind === 'refused') return refusedRow(row.at, decided.uuid, decided)
  const { kind, uuid, ...facts } = decided
  return { kind: 'wanted', at: row.at, uuid, facts, order: request, registration: null }
}

/** Issues the certificates of a chunk: looks up, signs and commits. */
export async function issueChunk(
  chunk: PreparedChunk,
  terms: RoundTerms,
  ports: IssueChunkPorts,
): Promise<readonly DeviceResult[]> {
  const results = new Map<WantedDevice, DeviceResult>()
  // A row with the UUID or key of an earlier one is decided after that is in the register.
  const wanted = chunk.filter((row) => row.kind === 'wanted')
  for (const wave of wavesOf(wanted, namesOf)) {
    const issued = (await issueRound(wave, terms, ports)).values()
    for (const row of wave) results.set(row, next(issued))
  }
  return chunk.map((row) => (row.kind === 'refused' ? row : results.get(row))).filter((row) => row !== undefined)
}

/** The UUID and the key: each is the name of one device. */
function namesOf({ uuid, order }: WantedDevice): readonly string[] {
  return order === null ? [uuid] : [uuid, Buffer.from(order.keyHash).toString('latin1')]
}
