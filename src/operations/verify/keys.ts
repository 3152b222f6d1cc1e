import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { sameOctets } from '../../pki/octets.js'
import { sameKey } from '../../pki/public-key.js'
import { pemSigner } from '../../signer/file.js'
import { keyFileOf } from '../pki-files.js'
import { type Finding, found } from './finding.js'
import { isKeyPem } from './pem.js'
import type { Scene, SeenCertificate } from './scene.js'

/** Each key is that of its certificate, and no two certificates have one key. */
export function checkKeys(scene: Scene): readonly Finding[] {
  return [...scene.certificates.flatMap((seen) => checkPair(scene, seen)), ...sharedKeys(scene)]
}

function checkPair({ files }: Scene, { file, role, certificate }: SeenCertificate): readonly Finding[] {
  const keyFile = role === 'root' ? PKI_FILES.rootKey : keyFileOf(file)
  const text = files.find(({ name }) => name === keyFile)?.text ?? null
  if (keyFile === null || text === null || !isKeyPem(text)) return []
  // The check of the root key opens that one, with its passphrase.
  if (isEncrypted(text)) return role === 'root' ? [] : [encrypted(keyFile)]
  try {
    if (sameOctets(pemSigner(text, keyFile).publicKey, certificate.spki)) return []
    return [found('keys.mismatch', keyFile, `${keyFile} is not the key of ${file}.`)]
  } catch (error) {
    if (error instanceof FpkiError) return [found('keys.broken', keyFile, error.message)]
    throw error
  }
}

/** PKCS #8 says it in its label, the older form of OpenSSL in a header. */
function isEncrypted(text: string): boolean {
  return /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)
}

function encrypted(file: string): Finding {
  return found('keys.encrypted', file, `${file} is encrypted, and was not held against its certificate.`)
}

function sharedKeys({ certificates }: Scene): readonly Finding[] {
  return certificates.flatMap(({ file, certificate }, at) => {
    const other = certificates.slice(0, at).find((seen) => sameKey(seen.certificate.publicKey, certificate.publicKey))
    return other === undefined ? [] : [found('keys.shared', file, `${file} has the same key as ${other.file}.`)]
  })
}
