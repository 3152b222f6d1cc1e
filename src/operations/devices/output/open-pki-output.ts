import { readableCertificates } from '../../../directory/certificate-files.js'
import { PKI_FILES } from '../../../directory/names.js'
import { encodePem } from '../../../pki/pem.js'
import { type Certificate, readPemCertificate } from '../../../pki/read-certificate.js'
import type { OpenPki } from '../../open-pki.js'
import type { DeviceOutput } from '../model.js'
import { openDeviceOutput } from './open-output.js'
import type { DeviceOutputOptions, DeviceOutputPorts } from './settings.js'
import { type ServerOverrides, sotaServers } from './sota-servers.js'

/**
 * Opens an output for the devices of a device CA; what the files of all devices have in common is in the PKI directory.
 * Throws as {@link openDeviceOutput}, and as {@link sotaServers} for a format with sota.toml.
 */
export async function openPkiOutput(
  { directory, root }: OpenPki,
  ca: Certificate,
  { gateway, ostree, ...options }: Omit<DeviceOutputOptions, 'device'> & ServerOverrides,
  ports: DeviceOutputPorts,
): Promise<DeviceOutput> {
  const pem = await directory.read(PKI_FILES.tlsCertificate)
  const tls = pem === null ? null : readPemCertificate(pem, `${directory.path}/${PKI_FILES.tlsCertificate}`)
  const hasFolders = options.format === 'sota' || options.format === 'tar'
  const servers = hasFolders ? sotaServers(tls, { gateway, ostree }) : { gateway: '', ostree: '' }
  const device = {
    ...servers,
    rootPem: pemOf(root),
    caPem: pemOf(ca),
    // A device that has a certificate of another CA keeps it, and needs that CA to be believed.
    otherCas: hasFolders ? (await readableCertificates(directory)).map(({ certificate }) => pemOf(certificate)) : [],
  }
  return openDeviceOutput({ ...options, device }, ports)
}

function pemOf({ der }: Certificate): string {
  return encodePem('CERTIFICATE', der)
}
