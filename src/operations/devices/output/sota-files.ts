import { X509Certificate } from 'node:crypto'
import { FpkiError } from '../../../errors.js'
import { toUuid } from '../../../pki/device-policy.js'
import { encodePem } from '../../../pki/pem.js'
import type { IssuedDevice } from '../model.js'
import { sotaToml } from '../sota-toml.js'
import type { DeviceFileSettings } from './settings.js'

/** A file of a device's folder. */
export interface DeviceFile {
  readonly name: string
  readonly content: string
  readonly mode: number
}

/** Where the certificate is. It is written last, so that a folder with it is complete. */
export const CLIENT = 'client.pem'
/** Where the key is that fpki made. */
export const KEY = 'pkey.pem'

/** Public, like all certificates that fpki writes; the folder around it is the owner's. */
const MODE = 0o644

/** A device has few hardware ids; a list of a million different ones must not fill the memory. */
const MAX_KEPT = 64

/**
 * Makes the files of a device, as the registration reference sends them and lmp-device-register writes them, but the key;
 * `client.pem` is the last.
 */
export function deviceFiles(settings: DeviceFileSettings): (device: IssuedDevice) => readonly DeviceFile[] {
  const root = settings.rootPem.trimEnd()
  const caOf = issuers(settings)
  const texts = new Map<string | null, string>()
  const tomlFor = (hardwareId: string | null) => {
    const kept = texts.get(hardwareId)
    if (kept !== undefined) return kept
    const toml = sotaToml({ ...settings, hardwareId })
    if (texts.size >= MAX_KEPT) texts.clear()
    texts.set(hardwareId, toml)
    return toml
  }
  return (device) => {
    const { der, hardwareId } = device
    const client = encodePem('CERTIFICATE', der)
    return [
      { name: 'client.chained', content: `${client}\n${caOf(device)}`, mode: MODE },
      { name: 'root.crt', content: root, mode: MODE },
      { name: 'sota.toml', content: tomlFor(hardwareId ?? settings.hardwareId), mode: MODE },
      { name: CLIENT, content: client, mode: MODE },
    ]
  }
}

/** The CA of a device, PEM: of a new one the one that signs, of another one the one that signed; empty when it is unknown. */
function issuers({ caPem, otherCas = [] }: DeviceFileSettings): (device: IssuedDevice) => string {
  const newest = caPem.trimEnd()
  const known = [newest, ...otherCas.map((pem) => pem.trimEnd())]
  const cas = known.map((pem) => ({ pem, certificate: new X509Certificate(pem) }))
  return ({ kind, uuid, der }) => {
    if (kind === 'issued') return newest
    const device = storedCertificate(uuid, der)
    return cas.find(({ certificate }) => device.checkIssued(certificate))?.pem ?? ''
  }
}

/** Throws ERR_BAD_FILE: only the certificates of the register can be damaged. */
function storedCertificate(uuid: string, der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (cause) {
    const hint = 'Nothing more was written. Restore the register from a backup.'
    const text = `The device register is damaged: the certificate of ${uuid} is invalid.`
    throw new FpkiError('ERR_BAD_FILE', text, hint, { cause })
  }
}

/** A UUID as the name of a folder: nothing else may be part of a path. */
export function folderName(uuid: string): string {
  if (toUuid(uuid) === uuid) return uuid
  throw new Error(`not a canonical UUID: ${JSON.stringify(uuid)}`)
}
