import { p256Spki } from '../../pki/public-key.js'
import type { Random } from '../../ports.js'
import { deviceOrder } from './device-subject.js'
import type { DeviceSubject, MadeKey } from './model.js'

/** Makes a device's key pair on P-256, and the subject that goes with it. */
export function makeDeviceKey(
  { uuid, isProduction }: DeviceSubject,
  factory: string,
  random: Pick<Random, 'ecKeyPair'>,
): MadeKey {
  const { privateKey, publicKey } = random.ecKeyPair('P-256')
  const spki = p256Spki(publicKey)
  return {
    uuid,
    isProduction,
    ...deviceOrder(factory, { uuid, isProduction }, spki),
    privateKeyPem: privateKey.export({ format: 'pem', type: 'sec1' }).toString(),
  }
}
