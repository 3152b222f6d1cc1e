import { newSerialNumbers } from '../../pki/serial.js'
import type { Random } from '../../ports.js'
import type { BatchIssuer, DeviceBatches, IssuedCertificate } from './model.js'
import { tokenSigning } from './token-lanes.js'
import { batchWork } from './work.js'

/** The ports of batches. */
export interface BatchPorts {
  readonly random: Random
  /** Aborts with its reason, also between the signatures of a token. */
  readonly signal?: AbortSignal | undefined
}

/** Batches of device certificates that are made in this thread, which does nothing else meanwhile. */
export function batchesInThisThread({ factory, ca, key }: BatchIssuer, { random, signal }: BatchPorts): DeviceBatches {
  const work = batchWork({ factory, ca, privateKey: key.kind === 'file' ? key.privateKey : null }, random)
  const token = key.kind === 'token' ? tokenSigning(work, ca, key.signers, signal) : null
  const unlessAborted = <T>(result: T): T => {
    signal?.throwIfAborted()
    return result
  }
  return {
    check: async (requests, policy) => unlessAborted(work).check(requests, policy),
    makeKeys: async (devices) => unlessAborted(work).makeKeys(devices),
    certify: async (orders, validity) => {
      const fields = withSerialNumbers(orders, unlessAborted(random))
      const certificates =
        token === null
          ? await work.certify(fields, validity)
          : await work.finish(await token.sign(fields, validity), validity)
      return issued(fields, certificates)
    },
    prove: async () => unlessAborted(token)?.prove(),
    close: async () => undefined,
  }
}

/** Orders with new serial numbers. */
export function withSerialNumbers<Order extends { readonly subject: Uint8Array; readonly spki: Uint8Array }>(
  orders: readonly Order[],
  random: Random,
) {
  const serials = newSerialNumbers(random, orders.length)
  return orders.map(({ subject, spki }, at) => ({ subject, spki, serialNumber: serials[at] ?? new Uint8Array() }))
}

/** Certificates in the order of their fields. */
export function issued(
  fields: readonly { readonly serialNumber: Uint8Array }[],
  certificates: readonly Uint8Array[],
): readonly IssuedCertificate[] {
  return fields.map(({ serialNumber }, at) => ({
    serial: Buffer.from(serialNumber).toString('hex'),
    der: certificates[at] ?? new Uint8Array(),
  }))
}
