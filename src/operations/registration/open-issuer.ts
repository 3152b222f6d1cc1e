import { FpkiError } from '../../errors.js'
import type { DeviceBatches } from '../../issuance/device-batch/model.js'
import { openBatchKey } from '../../keystore/ca-key.js'
import type { Validity } from '../../pki/validity.js'
import { issueChunk, type PreparedChunk } from '../devices/issue/issue-chunk.js'
import { next } from '../devices/issue/results.js'
import type { IssueBatch } from '../devices/issue/terms.js'
import { validityOf } from '../devices/issue/validity.js'
import type { DeviceResult } from '../devices/model.js'
import { type DeviceIssuer, requireAccepted } from '../devices/open-issuer.js'
import type { OpenPki } from '../open-pki.js'
import type { ChunkTerms, IssuingRegister, IssuingThread } from './issuing-thread/calls.js'
import { packDevices, unpackResults } from './issuing-thread/chunk-message.js'
import { lastingBatches } from './lasting-batches.js'
import type { DeviceServiceOptions, DeviceServicePorts } from './options.js'
import { remembered } from './remembered.js'

/** A device CA whose key is open for as long as the service runs. */
export interface RegistrationIssuer {
  readonly issuer: DeviceIssuer
  readonly batches: Pick<DeviceBatches, 'check' | 'certify'>
  /** See issueChunk: beside the register, where that has a thread and the key is in a file. */
  issue(chunk: PreparedChunk, terms: IssueBatch): Promise<readonly DeviceResult[]>
  /** The dates of new certificates. Throws ERR_CLOCK when the CA has expired. */
  validity(): Validity
  /** Why it cannot sign right now, as a clause; null: it can. */
  whyUnavailable(): Promise<string | null>
  close(): Promise<void>
}

/** Ports of {@link openRegistrationIssuer}. */
export interface IssuerPorts extends DeviceServicePorts {
  readonly register: IssuingRegister
}

/** How long a CA that was disabled or revoked may still sign, in milliseconds. */
const ACCEPTED_FOR = 2000

/**
 * Opens the key of a device CA. It signs nothing any more when the CA is disabled or revoked (ERR_NOT_A_DEVICE_CA): a device that
 * changed to such a certificate could neither connect nor renew. Throws as openBatchKey.
 */
export async function openRegistrationIssuer(
  pki: OpenPki,
  issuer: DeviceIssuer,
  options: Pick<DeviceServiceOptions, 'directory' | 'days' | 'hsmSessions'>,
  ports: IssuerPorts,
): Promise<RegistrationIssuer> {
  const { ca, file, fingerprint } = issuer
  const { clock, register } = ports
  let thread: IssuingThread | null = null
  const open = async () => {
    const opened = await openBatches(pki, issuer, options, ports)
    thread = opened.thread
    return opened.batches
  }
  const batches = await lastingBatches({ name: file, open }, ports)
  const validity = validityOf({ ...options, issuer }, ports)
  const accepted = remembered(() => requireAccepted(pki, issuer), { for: ACCEPTED_FOR, most: 1 }, clock)
  const check: DeviceBatches['check'] = async (...requests) => {
    await accepted('')
    return batches.check(...requests)
  }
  return {
    issuer,
    batches: { certify: batches.certify, check },
    validity,
    issue: async (chunk, { issuer: _, ...terms }) => {
      await accepted('')
      if (thread !== null) return issueIn(thread, chunk, { ...terms, ca: fingerprint, validity: validity() })
      const issuing = { clock, register, batches, output: null, onAbandon: () => undefined }
      return issueChunk(chunk, { ...terms, issuer, validity: validity(), plans: null }, issuing)
    },
    whyUnavailable: async () => {
      if (clock() >= ca.notAfter) return `the device CA ${file} has expired`
      try {
        await accepted('')
        await batches.requireKey()
        return null
      } catch (error) {
        if (error instanceof FpkiError && error.code === 'ERR_NOT_A_DEVICE_CA')
          return `the device CA ${file} is disabled or revoked`
        if (error instanceof FpkiError) return `the key of the device CA ${file} is not available`
        throw error
      }
    },
    close: batches.close,
  }
}

/** What was refused before is nothing for the thread. */
async function issueIn(
  thread: IssuingThread,
  chunk: PreparedChunk,
  terms: ChunkTerms,
): Promise<readonly DeviceResult[]> {
  const devices = chunk.filter((row) => row.kind === 'wanted')
  if (devices.length === 0) return chunk.filter((row) => row.kind === 'refused')
  const results = unpackResults(await thread.issue(packDevices(devices), terms)).values()
  return chunk.map((row) => (row.kind === 'refused' ? row : next(results)))
}

interface Opened {
  /** They close the key with them. */
  readonly batches: DeviceBatches
  /** null: the batches sign themselves. */
  readonly thread: IssuingThread | null
}

async function openBatches(
  { directory, factory }: OpenPki,
  { ca, file, key }: DeviceIssuer,
  { hsmSessions }: Pick<DeviceServiceOptions, 'hsmSessions'>,
  ports: IssuerPorts,
): Promise<Opened> {
  const opened = await openBatchKey({ directory, key, certified: ca.spki, sessions: hsmSessions }, ports.access)
  const { issuing: thread = null } = ports.register
  const batches = ports.newBatches({ factory, ca, key: opened.key })
  const close = async () => {
    await batches.close()
    await opened.close()
  }
  if (opened.key.kind === 'token' || thread === null) return { batches: { ...batches, close }, thread: null }
  await thread.open({ factory, ca: ca.der, file, privateKey: opened.key.privateKey })
  return { batches: { ...batches, close }, thread }
}
