import { encodePem } from '../../../pki/pem.js'
import type { IssuedDevice } from '../model.js'

/**
 * The members of a device in JSON lines and the columns in CSV, under the names that the input has for them. A line's MES
 * finds its unit by `uuid` or `serial`, and whether the certificate is new by `state`.
 */
export function deviceRow(device: IssuedDevice) {
  return {
    uuid: device.uuid,
    name: device.name,
    group: device.group,
    'hardware-id': device.hardwareId,
    serial: device.serialNumber,
    production: device.isProduction,
    state: device.kind,
    'certificate-serial': device.serial,
    'issued-at': new Date(device.issuedAt).toISOString(),
    'not-after': new Date(device.notAfter).toISOString(),
    certificate: encodePem('CERTIFICATE', device.der),
  }
}

/** The columns of CSV; see {@link deviceRow}. */
export const DEVICE_COLUMNS = [
  ...['uuid', 'name', 'group', 'hardware-id', 'serial', 'production', 'state', 'certificate-serial'],
  ...['issued-at', 'not-after', 'certificate'],
] as const
