import { X509Certificate } from 'node:crypto'
import { FpkiError } from '../../../errors.js'
import { toUuid } from '../../../pki/device-policy.js'
import { encodePem } from '../../../pki/pem.js'
import type { IssuedDevice } from '../model.js'
import type { DeviceFileSettings } from './settings.js'
import type { SotaServers } from './sota-servers.js'
import { sotaToml } from './sota-toml.js'

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

/** Where lmp-device-register puts these files, in an image of the Linux microPlatform. */
const PLACE = { configDirectory: '/var/sota', usesOstree: true }

/** A device has few hardware ids; a list of a million different ones must not fill the memory. */
const MAX_KEPT = 64

/**
 * Makes the files of a device, as the registration reference sends them and lmp-device-register writes them, but the key;
 * `client.pem` is the last.
 */
export function deviceFiles(settings: DeviceFileSettings): (device: IssuedDevice) => readonly DeviceFile[] {
  const certificatesOf = certificateFiles(settings)
  const texts = new Map<string | null, string>()
  const tomlFor = (hardwareId: string | null) => {
    const kept = texts.get(hardwareId)
    if (kept !== undefined) return kept
    const toml = sotaToml({ ...settings, ...PLACE, hardwareId })
    if (texts.size >= MAX_KEPT) texts.clear()
    texts.set(hardwareId, toml)
    return toml
  }
  return (device) => {
    const certificates = certificatesOf(device)
    return [
      { name: 'client.chained', content: certificates['client.chained'], mode: MODE },
      { name: 'root.crt', content: certificates['root.crt'], mode: MODE },
      { name: 'sota.toml', content: tomlFor(device.hardwareId), mode: MODE },
      { name: CLIENT, content: certificates['client.pem'], mode: MODE },
    ]
  }
}

/** The files of a device that have certificates, PEM, by their names. */
export interface CertificateFiles {
  readonly 'root.crt': string
  readonly 'client.pem': string
  /** The certificate, an empty line, and that of its CA. */
  readonly 'client.chained': string
}

/** Makes the files of devices that have certificates, without line feeds at the end of CAs, as the reference does. */
export function certificateFiles(
  settings: Omit<DeviceFileSettings, keyof SotaServers>,
): (device: Pick<IssuedDevice, 'kind' | 'uuid' | 'der'>) => CertificateFiles {
  const root = settings.rootPem.trimEnd()
  const caOf = issuers(settings)
  return (device) => {
    const client = encodePem('CERTIFICATE', device.der)
    return { 'root.crt': root, 'client.pem': client, 'client.chained': `${client}\n${caOf(device)}` }
  }
}

/** The CA of a device, PEM: of a new one the one that signs, of another one the one that signed; empty when it is unknown. */
function issuers({
  caPem,
  otherCas = [],
}: Pick<DeviceFileSettings, 'caPem' | 'otherCas'>): (device: Pick<IssuedDevice, 'kind' | 'uuid' | 'der'>) => string {
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
