import { fingerprintOf } from '../pki/fingerprint.js'
import { sameRoot } from '../pki/same-root.js'
import { readableCertificates } from './certificate-files.js'
import { PKI_FILES } from './names.js'
import type { PkiDirectory } from './pki-directory.js'

/**
 * The fingerprints of the root certificate and of those that it renews: what was made before `ca renew-root` names an
 * earlier one. Throws ERR_STORAGE.
 */
export async function rootFingerprints(directory: PkiDirectory): Promise<readonly string[]> {
  const file = PKI_FILES.rootCertificate
  const all = await readableCertificates(directory, (name) => name === file || name.startsWith(`${file}.bak`))
  const root = all.find((one) => one.file === file)?.certificate
  return root === undefined
    ? []
    : all
        .filter(({ certificate }) => sameRoot(certificate, root))
        .map(({ certificate }) => fingerprintOf(certificate.der))
}
