import type { KeyObject } from 'node:crypto'
import type { FpkiCode } from '../../errors.js'
import type { DeviceFields } from '../../pki/check-device.js'
import { MAX_CSR_BYTES } from '../../pki/csr.js'
import { REQUEST_REFUSALS } from '../../pki/device-policy.js'
import type { Validity } from '../../pki/validity.js'
import type { BatchPolicy, CheckedRequest, DeviceSubject, MadeKey, RawRequest } from './model.js'
import { packRows, unpackRows } from './packed-rows.js'
import type { SignedFields } from './work.js'

/** What a worker thread is started with. */
export interface ThreadData {
  readonly factory: string
  /** The certificate of the device CA, DER. */
  readonly ca: Uint8Array
  /** A handle; null: the key is in a token, which worker threads never see. */
  readonly privateKey: KeyObject | null
}

/** A task for a worker thread, with its rows packed. */
export type ThreadTask =
  | { readonly kind: 'check'; readonly rows: ArrayBuffer; readonly policy: BatchPolicy }
  | { readonly kind: 'makeKeys'; readonly rows: ArrayBuffer }
  | { readonly kind: 'certify' | 'finish'; readonly rows: ArrayBuffer; readonly validity: Validity }

/** The answer to a task: packed rows, or the parts of an FpkiError. */
export type ThreadAnswer =
  | { readonly rows: ArrayBuffer }
  | { readonly error: { readonly code: FpkiCode; readonly message: string; readonly hint: string } }

/** How values of one kind are packed. */
interface Codec<T> {
  pack(values: readonly T[]): ArrayBuffer
  unpack(rows: ArrayBuffer): readonly T[]
}

const NONE = new Uint8Array()
const [NO, YES] = [Uint8Array.of(0), Uint8Array.of(1)]

export const REQUESTS = codec<RawRequest>(
  (request) =>
    typeof request === 'string'
      ? // One character more than may be makes the strict parser refuse it, as it would the whole.
        [YES, Buffer.from(request.slice(0, MAX_CSR_BYTES + 1))]
      : [NO, request.subarray(0, MAX_CSR_BYTES + 1)],
  ([isText, octets = NONE]) => (isYes(isText) ? text(octets) : octets),
)

export const CHECKED = codec<CheckedRequest>(
  (checked) =>
    checked.kind === 'refused'
      ? [NO, Buffer.from(checked.code), Buffer.from(checked.reason), NONE, NONE, NONE]
      : [YES, checked.subject, checked.spki, checked.keyHash, Buffer.from(checked.uuid), flag(checked.isProduction)],
  ([isRequest, first = NONE, second = NONE, keyHash = NONE, uuid, isProduction]) => {
    if (isYes(isRequest)) {
      const order = { subject: first, spki: second, keyHash }
      return { kind: 'request', ...order, uuid: text(uuid), isProduction: isYes(isProduction) }
    }
    const code = REQUEST_REFUSALS.find((one) => one === text(first))
    if (code === undefined) throw new Error('an unknown code of refusal')
    return { kind: 'refused', code, reason: text(second) }
  },
)

export const DEVICES = codec<DeviceSubject>(
  ({ uuid, isProduction }) => [Buffer.from(uuid), flag(isProduction)],
  ([uuid, isProduction]) => ({ uuid: text(uuid), isProduction: isYes(isProduction) }),
)

export const KEYS = codec<MadeKey>(
  ({ uuid, isProduction, subject, spki, keyHash, privateKeyPem }) => [
    ...[Buffer.from(uuid), flag(isProduction)],
    ...[subject, spki, keyHash, Buffer.from(privateKeyPem)],
  ],
  ([uuid, isProduction, subject = NONE, spki = NONE, keyHash = NONE, pem]) => ({
    ...{ uuid: text(uuid), isProduction: isYes(isProduction) },
    ...{ subject, spki, keyHash, privateKeyPem: text(pem) },
  }),
)

export const FIELDS = codec<DeviceFields>(
  ({ serialNumber, subject, spki }) => [serialNumber, subject, spki],
  ([serialNumber = NONE, subject = NONE, spki = NONE]) => ({ serialNumber, subject, spki }),
)

export const SIGNED = codec<SignedFields>(
  ({ serialNumber, subject, spki, signature }) => [serialNumber, subject, spki, signature],
  ([serialNumber = NONE, subject = NONE, spki = NONE, signature = NONE]) => ({
    ...{ serialNumber, subject, spki, signature },
  }),
)

export const CERTIFICATES = codec<Uint8Array>(
  (certificate) => [certificate],
  ([certificate = NONE]) => certificate,
)

function codec<T>(toRow: (value: T) => readonly Uint8Array[], fromRow: (row: readonly Uint8Array[]) => T): Codec<T> {
  return {
    pack: (values) => packRows(values.map(toRow)),
    unpack: (rows) => unpackRows(rows).map(fromRow),
  }
}

function flag(value: boolean): Uint8Array {
  return value ? YES : NO
}

function isYes(cell: Uint8Array | undefined): boolean {
  return cell?.[0] === 1
}

function text(cell: Uint8Array = NONE): string {
  return Buffer.from(cell.buffer, cell.byteOffset, cell.length).toString('utf8')
}
