import { type KeyObject, sign } from 'node:crypto'
import type { DeviceFields } from '../../pki/check-device.js'
import { curveOf } from '../../pki/check-device.js'
import { HASH_OF_CURVE } from '../../pki/public-key.js'
import type { Validity } from '../../pki/validity.js'
import type { CheckedOctets, Random } from '../../ports.js'
import { type DeviceCertificates, deviceCertificates } from './certificates.js'
import { checkRequest } from './check-request.js'
import { makeDeviceKey } from './make-key.js'
import type { BatchIssuer, BatchPolicy, CheckedRequest, DeviceSubject, MadeKey, RawRequest } from './model.js'

/** What is done to each request and certificate: in this thread or in a worker, by the same functions. */
export interface BatchWork {
  check(requests: readonly RawRequest[], policy: BatchPolicy): readonly CheckedRequest[]
  makeKeys(devices: readonly DeviceSubject[]): readonly MadeKey[]
  /** TBSCertificates to sign (DER), checked. Throws ERR_PROFILE, ERR_CONSTRAINTS. */
  prepare(orders: readonly DeviceFields[], validity: Validity): Promise<readonly CheckedOctets[]>
  /** Certificates (DER) with signatures of a token, verified. Throws ERR_SIGNATURE. */
  finish(orders: readonly SignedFields[], validity: Validity): Promise<readonly Uint8Array[]>
  /** Certificates (DER) signed with the key of a file, verified. Throws ERR_PROFILE, ERR_CONSTRAINTS, ERR_SIGNATURE. */
  certify(orders: readonly DeviceFields[], validity: Validity): Promise<readonly Uint8Array[]>
}

/** An order with the signature of its certificate. */
export interface SignedFields extends DeviceFields {
  /** ECDSA-Sig-Value, DER. */
  readonly signature: Uint8Array
}

/** What the work needs: the CA, and its key when that is a file's. */
export interface WorkIssuer extends Pick<BatchIssuer, 'factory' | 'ca'> {
  /** null: the key is in a token. */
  readonly privateKey: KeyObject | null
}

/** The work for one device CA. */
export function batchWork({ factory, ca, privateKey }: WorkIssuer, random: Pick<Random, 'ecPrivateKey'>): BatchWork {
  const certificatesOf = lastOf((validity: Validity) => deviceCertificates({ factory, ca }, validity))
  const prepare = async (orders: readonly DeviceFields[], validity: Validity) => {
    const { tbs } = await certificatesOf(validity)
    return orders.map(tbs)
  }
  return {
    check: (requests, { allowsProduction }) =>
      requests.map((request) => checkRequest(request, { factory, allowsProduction })),
    makeKeys: (devices) => devices.map((device) => makeDeviceKey(device, factory, random)),
    prepare,
    finish: async (orders, validity) => {
      const { tbs, certificate } = await certificatesOf(validity)
      return orders.map((order) => certificate(order, tbs(order), order.signature))
    },
    certify: async (orders, validity) => {
      if (privateKey === null) throw new Error('the key of the CA is in a token')
      const { tbs, certificate } = await certificatesOf(validity)
      const hash = HASH_OF_CURVE[curveOf(ca)]
      return orders.map((order) => {
        const octets = tbs(order)
        return certificate(order, octets, sign(hash, octets, privateKey))
      })
    },
  }
}

/** Keeps the newest: a run issues with one validity for a long time, and making a model takes milliseconds. */
function lastOf(make: (validity: Validity) => Promise<DeviceCertificates>) {
  let last: { readonly key: string; readonly certificates: Promise<DeviceCertificates> } | null = null
  return (validity: Validity): Promise<DeviceCertificates> => {
    const key = `${validity.notBefore.getTime()} ${validity.notAfter.getTime()}`
    if (last?.key !== key) last = { key, certificates: make(validity) }
    return last.certificates
  }
}
