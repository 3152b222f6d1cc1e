import type { DeviceDetails, DeviceRecord } from '../../devices/register.js'
import { rfc3339 } from '../../pki/describe.js'
import { encodePem } from '../../pki/pem.js'
import { readCertificate } from '../../pki/read-certificate.js'
import { printable } from '../../printable.js'
import type { WireDevice } from './wire.js'

/** Whose devices are described. */
export interface DeviceOwner {
  readonly factory: string
  /** The user id of the factory's owner. */
  readonly owner: string
}

/** Makers name devices, and clients print the names. */
const MAX_TEXT = 256

/** A device as the Factory API describes it. */
export function deviceDocument(device: DeviceRecord, { factory, owner }: DeviceOwner): WireDevice {
  const createdAt = rfc3339(new Date(device.createdAt))
  const group = device.group === null ? '' : shownText(device.group)
  return {
    uuid: device.uuid,
    name: shownText(device.name),
    owner,
    factory,
    'device-group': group,
    group: group === '' ? null : { name: group },
    'created-at': createdAt,
    'last-seen': '',
    'ostree-hash': '',
    'target-name': '',
    // Clients show an empty one as OK.
    status: device.state === 'active' ? '' : device.state,
    'current-update': '',
    'up-to-date': false,
    'is-prod': device.isProduction,
    'is-wave': false,
    'public-key': '',
    'change-meta': {
      'created-at': createdAt,
      'created-by': '',
      'updated-at': rfc3339(new Date(device.issuedAt)),
      'updated-by': '',
    },
  }
}

/** A device with the public key of its newest certificate. */
export function deviceDetailsDocument(device: DeviceDetails, owner: DeviceOwner): WireDevice {
  const [newest] = device.certificates
  const key = newest === undefined ? '' : encodePem('PUBLIC KEY', readCertificate(newest.der, device.uuid).spki)
  return { ...deviceDocument(device, owner), 'public-key': key }
}

/** A text of a device, for others to print. */
function shownText(text: string): string {
  return printable([...text].slice(0, MAX_TEXT).join(''))
}
