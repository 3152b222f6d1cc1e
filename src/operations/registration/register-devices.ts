import type { Credential, ListedDevice, StoredToken } from '../../devices/credential-store.js'
import { NOT_LISTED, tokenRefusal, usesRefusal } from '../../devices/proof-checks.js'
import type { Line } from '../../devices/register.js'
import type { Clock } from '../../ports.js'
import { type PreparedChunk, prepareChunk } from '../devices/issue/issue-chunk.js'
import { at as elementAt } from '../devices/issue/results.js'
import type { IssueBatch, WantedDevice } from '../devices/issue/terms.js'
import type { DeviceResult } from '../devices/model.js'
import type { Credentials } from './credentials.js'
import type { Issuers, LineIssuer } from './issuers.js'
import type { ServiceRegister } from './issuing-thread/calls.js'
import type { RegistrationRequest } from './model.js'

/** A request of a device, and what it came with. */
export interface RegistrationOrder {
  readonly request: RegistrationRequest
  /** null: the device was identified in another way. */
  readonly credential: Credential | null
}

/** How an order ended, and the CA of its line. */
export interface Registered {
  readonly result: DeviceResult
  readonly issuer: LineIssuer
}

/** What holds as long as the service runs. */
export interface RegistrationTerms {
  readonly directory: string
  readonly factory: string
  readonly days: number | null
  /** Whether the Factory API is informed later. */
  readonly announce: boolean
}

/** Ports of {@link registerDevices}. */
export interface RegisterPorts {
  readonly register: Pick<ServiceRegister, 'credentials'>
  /** null: there is no such line. */
  lineNamed(name: string): Promise<Line | null>
  readonly credentials: Pick<Credentials, 'token'>
  readonly issuers: Pick<Issuers, 'of'>
  readonly clock: Clock
}

/**
 * Registers devices of one line together: checks their requests and what they came with, looks them up, signs, and commits all
 * in one transaction. Resolves to the results in the order of the orders. Throws what the register and the key throw.
 */
export async function registerDevices(
  name: string,
  orders: readonly RegistrationOrder[],
  terms: RegistrationTerms,
  ports: RegisterPorts,
): Promise<readonly Registered[]> {
  const { clock, issuers } = ports
  const line = await ports.lineNamed(name)
  if (line === null) throw new Error(`the line ${name} has disappeared from the register`)
  const issuer = issuers.of(line)
  const batch: IssueBatch = { ...terms, ...SERVICE, line, issuer: issuer.issuer, startedAt: clock().getTime() }
  const rows = orders.map(({ request }, index) => ({ ...inputOf(request), at: String(index) }))
  const prepared = await prepareChunk(rows, batch, issuer)
  const chunk = await withProofs(prepared, orders, name, ports)
  const results = await issuer.issue(chunk, batch)
  return results.map((result) => ({ result, issuer }))
}

/** What a registration has in common with rows that the command has other terms for. */
const SERVICE = {
  ...{ production: false, group: null, makeKeys: false, dryRun: false },
  ...{ maxRefused: null, interruptedSince: null },
} as const

function inputOf({ csr, uuid, name, hardwareId, group }: RegistrationRequest) {
  return { csr, uuid, name, hardwareId, group, serialNumber: null, isProduction: null }
}

function withProofs(
  prepared: PreparedChunk,
  orders: readonly RegistrationOrder[],
  line: string,
  ports: RegisterPorts,
): Promise<PreparedChunk> {
  return Promise.all(
    prepared.map(async (row, index) =>
      row.kind === 'refused' ? row : withProof(row, elementAt(orders, index).credential, line, ports),
    ),
  )
}

/** What decides in the end is the transaction; this is so that nothing is signed for nothing. */
async function withProof(
  row: WantedDevice,
  credential: Credential | null,
  line: string,
  { credentials, register, clock }: RegisterPorts,
): Promise<WantedDevice> {
  if (credential === null) return row
  const token = credential.kind === 'token' ? await credentials.token(credential.id) : null
  if (token === null) {
    const registration = { proof: { credential, listed: null }, refusal: null, firstRefusal: null }
    return { ...row, registration }
  }
  const { listed, serialNumber } = await listedAs(row, token, register)
  const isMissing = token.listed !== null && listed === null
  const refusal = tokenRefusal(token, row.uuid, { line, at: clock().getTime() }) ?? (isMissing ? NOT_LISTED : null)
  const registration = { proof: { credential, listed }, refusal, firstRefusal: usesRefusal(token, token.used) }
  return { ...row, facts: { ...row.facts, serialNumber }, registration }
}

/** The entry of the token's allow list for a device, and the maker's serial number if the entry names it. */
async function listedAs(
  { uuid, facts, order }: WantedDevice,
  token: StoredToken,
  { credentials }: Pick<ServiceRegister, 'credentials'>,
): Promise<{ readonly listed: number | null; readonly serialNumber: string | null }> {
  if (token.listed === null) return { listed: null, serialNumber: null }
  const device: ListedDevice = { uuid, serialNumber: facts.name, keyHash: order?.keyHash ?? null }
  const listed = await credentials.listed(token.id, device)
  const isNamed = listed !== null && listed !== (await credentials.listed(token.id, { ...device, serialNumber: null }))
  return { listed, serialNumber: isNamed ? facts.name : null }
}
