import type { OutboxEntry } from '../../devices/outbox.js'
import type { DeviceApi, PublishedDevice, PutOptions, PutOutcome } from '../../factory/device-api.js'
import { encodePem } from '../../pki/pem.js'

/**
 * Informs the API of what an entry of the outbox is about. Each of these may be repeated after a crash: the API ends in the same
 * state.
 */
export function inform(api: DeviceApi, entry: OutboxEntry, options: PutOptions): Promise<PutOutcome> {
  switch (entry.action) {
    case 'announce':
      return announce(api, entry, options)
    case 'deny':
      return deny(api, entry, options)
    case 'allow':
      return allow(api, entry, options)
  }
}

/** What the API is to know of a device. Its UUID is what the API calls a device without a name. */
export function publishedDevice({ uuid, name, group, der }: Described & { readonly der: Uint8Array }): PublishedDevice {
  return { certificate: encodePem('CERTIFICATE', der), name: name === uuid ? null : name, group }
}

type Described = Pick<OutboxEntry, 'uuid' | 'name' | 'group'>

/** A device without a certificate was registered by another service, which has informed the API. */
async function announce(api: DeviceApi, entry: OutboxEntry, options: PutOptions): Promise<PutOutcome> {
  const { der } = entry
  return der === null ? { kind: 'done' } : api.put(publishedDevice({ ...entry, der }), options)
}

/** An API that does not know the device would accept it on its first connection, so it learns of it first. */
async function deny(api: DeviceApi, entry: OutboxEntry, options: PutOptions): Promise<PutOutcome> {
  const first = await api.deny(entry.uuid, options)
  if (first.kind !== 'unknown') return first
  if (entry.der === null) return { kind: 'refused', error: first.error }
  const put = await announce(api, entry, options)
  // Not a conflict of the register's device, which is denied: the API refuses it in any case.
  if (put.kind === 'conflict') return { kind: 'refused', error: put.error }
  if (put.kind !== 'done') return put
  const second = await api.deny(entry.uuid, options)
  return second.kind === 'unknown' ? { kind: 'unavailable', error: second.error, retryAfter: null } : second
}

/** The API may have forgotten a device that it denied. */
async function allow(api: DeviceApi, entry: OutboxEntry, options: PutOptions): Promise<PutOutcome> {
  const allowed = await api.allow(entry.uuid, options)
  return allowed.kind === 'done' ? announce(api, entry, options) : allowed
}
