import { newSerialNumbers } from '../../pki/serial.js'
import type { Random } from '../../ports.js'
import type { BatchIssuer, DeviceBatches, IssuedCertificate } from './model.js'
import { tokenLanes } from './token-lanes.js'
import { batchWork } from './work.js'

/** Batches of device certificates that are made in this thread. */
export function batchesInThisThread(
  { factory, ca, key }: BatchIssuer,
  { random }: { readonly random: Random },
): DeviceBatches {
  const work = batchWork({ factory, ca, privateKey: key.kind === 'file' ? key.privateKey : null }, random)
  const signInToken = key.kind === 'token' ? tokenLanes(key.signers) : null
  return {
    check: async (requests, policy) => work.check(requests, policy),
    makeKeys: async (devices) => work.makeKeys(devices),
    certify: async (orders, validity) => {
      const fields = withSerialNumbers(orders, random)
      if (signInToken === null) return issued(fields, await work.certify(fields, validity))
      const signatures = await Promise.all(signInToken(await work.prepare(fields, validity)))
      const signed = fields.map((order, at) => ({ ...order, signature: signatures[at] ?? new Uint8Array() }))
      return issued(fields, await work.finish(signed, validity))
    },
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
