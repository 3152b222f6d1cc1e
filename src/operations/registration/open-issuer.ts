import { FpkiError } from '../../errors.js'
import type { DeviceBatches } from '../../issuance/device-batch/model.js'
import { openBatchKey } from '../../keystore/ca-key.js'
import type { Validity } from '../../pki/validity.js'
import { validityOf } from '../devices/issue/validity.js'
import type { DeviceIssuer } from '../devices/open-issuer.js'
import type { OpenPki } from '../open-pki.js'
import { lastingBatches } from './lasting-batches.js'
import type { DeviceServiceOptions, DeviceServicePorts } from './options.js'

/** A device CA whose key is open for as long as the service runs. */
export interface RegistrationIssuer {
  readonly issuer: DeviceIssuer
  readonly batches: DeviceBatches
  /** The dates of new certificates. Throws ERR_CLOCK when the CA has expired. */
  validity(): Validity
  /** Why it cannot sign right now, as a clause; null: it can. */
  whyUnavailable(): Promise<string | null>
  close(): Promise<void>
}

/** Opens the key of a device CA. Throws as openBatchKey. */
export async function openRegistrationIssuer(
  pki: OpenPki,
  issuer: DeviceIssuer,
  options: Pick<DeviceServiceOptions, 'directory' | 'days' | 'hsmSessions'>,
  ports: DeviceServicePorts,
): Promise<RegistrationIssuer> {
  const { ca, file } = issuer
  const batches = await lastingBatches({ name: file, open: () => openBatches(pki, issuer, options, ports) }, ports)
  return {
    issuer,
    batches,
    validity: validityOf({ ...options, issuer }, ports),
    whyUnavailable: async () => {
      if (ports.clock() >= ca.notAfter) return `the device CA ${file} has expired`
      try {
        await batches.requireKey()
        return null
      } catch (error) {
        if (error instanceof FpkiError) return `the key of the device CA ${file} is not available`
        throw error
      }
    },
    close: batches.close,
  }
}

/** Batches that close the key with them. */
async function openBatches(
  { directory, factory }: OpenPki,
  { ca, key }: DeviceIssuer,
  { hsmSessions }: Pick<DeviceServiceOptions, 'hsmSessions'>,
  ports: DeviceServicePorts,
): Promise<DeviceBatches> {
  const opened = await openBatchKey({ directory, key, certified: ca.spki, sessions: hsmSessions }, ports.access)
  const batches = ports.newBatches({ factory, ca, key: opened.key })
  const close = async () => {
    await batches.close()
    await opened.close()
  }
  return { ...batches, close }
}
