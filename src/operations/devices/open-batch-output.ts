import { readableCertificates } from '../../directory/certificate-files.js'
import { PKI_FILES } from '../../directory/names.js'
import { encodePem } from '../../pki/pem.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { OpenPki } from '../open-pki.js'
import type { IssueDevicesOptions, IssueDevicesPorts } from './issue-options.js'
import type { DeviceOutput } from './model.js'
import type { DeviceIssuer } from './open-issuer.js'
import { openDeviceOutput } from './output/open-output.js'
import { rehearsalKeys } from './rehearsal.js'
import { sotaServers } from './sota-servers.js'

/** Opens the output of a batch; null: there is none, or it is a rehearsal, which only looks at keys. Throws as openDeviceOutput. */
export async function openBatchOutput(
  { directory, root }: OpenPki,
  { ca }: DeviceIssuer,
  options: IssueDevicesOptions,
  { files, inputFiles, batchFiles: batches, stdout }: IssueDevicesPorts,
): Promise<DeviceOutput | null> {
  const { output, dryRun, makeKeys, gateway, ostree } = options
  const folder = output?.target.kind === 'folder' ? output.target.path : null
  if (dryRun && makeKeys && folder !== null) return rehearsalKeys(folder, inputFiles)
  if (output === null || dryRun) return null
  const pem = await directory.read(PKI_FILES.tlsCertificate)
  const tls = pem === null ? null : readPemCertificate(pem, `${directory.path}/${PKI_FILES.tlsCertificate}`)
  const hasToml = output.format === 'sota' || output.format === 'tar'
  const servers = hasToml ? sotaServers(tls, { gateway, ostree }) : { gateway: '', ostree: '' }
  const device = {
    ...servers,
    rootPem: encodePem('CERTIFICATE', root.der),
    caPem: encodePem('CERTIFICATE', ca.der),
    // A device that has a certificate of another CA keeps it, and needs that CA to be believed.
    otherCas: (await readableCertificates(directory)).map(({ certificate }) =>
      encodePem('CERTIFICATE', certificate.der),
    ),
    hardwareId: null,
    configDirectory: '/var/sota',
    usesOstree: true,
  }
  return openDeviceOutput({ ...output, device, makesKeys: makeKeys }, { files, batches, stdout })
}
