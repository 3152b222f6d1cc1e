import { batchesInThisThread } from '../../../issuance/device-batch/in-this-thread.js'
import type { DeviceBatches } from '../../../issuance/device-batch/model.js'
import { fingerprintOf } from '../../../pki/fingerprint.js'
import { readCertificate } from '../../../pki/read-certificate.js'
import type { Clock, Random } from '../../../ports.js'
import { issueChunk } from '../../devices/issue/issue-chunk.js'
import type { BatchRegister } from '../../devices/issue/rehearsal.js'
import type { IssuingThread } from './calls.js'
import { packResults, unpackDevices } from './chunk-message.js'

/** Issues in this thread, with the register in the same. */
export function issuingBeside(
  register: Pick<BatchRegister, 'lookUp' | 'commit' | 'abandon'>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): IssuingThread {
  const keys = new Map<string, DeviceBatches>()
  return {
    open: async ({ factory, ca: der, file, privateKey }) => {
      const ca = readCertificate(der, file)
      const fingerprint = fingerprintOf(ca.der)
      const batches = batchesInThisThread({ factory, ca, key: { kind: 'file', privateKey } }, { random })
      keys.set(fingerprint, batches)
    },
    issue: async (devices, { ca, ...terms }) => {
      const batches = keys.get(ca)
      if (batches === undefined) throw new Error('the key of a device CA was not opened in this thread')
      const ports = { clock, register, batches, output: null, onAbandon: () => undefined }
      return packResults(
        await issueChunk(unpackDevices(devices), { ...terms, issuer: { fingerprint: ca }, plans: null }, ports),
      )
    },
  }
}
