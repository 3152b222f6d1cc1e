import type { Random } from '../../ports.js'
import { deviceOrder } from './device-subject.js'
import type { DeviceSubject, MadeKey } from './model.js'

/** Makes a device's key pair on P-256, and the subject that goes with it. */
export function makeDeviceKey(
  { uuid, isProduction }: DeviceSubject,
  factory: string,
  random: Pick<Random, 'ecPrivateKey'>,
): MadeKey {
  const { pem, spki } = random.ecPrivateKey('P-256')
  return {
    uuid,
    isProduction,
    ...deviceOrder(factory, { uuid, isProduction }, spki),
    privateKeyPem: pem,
  }
}
