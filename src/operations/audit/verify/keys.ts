import { PKI_FILES } from '../../../directory/names.js'
import { keyFileOf } from '../../../directory/pki-files.js'
import { FpkiError } from '../../../errors.js'
import { openKeyPem } from '../../../keystore/key-files.js'
import type { CertificateRole } from '../../../pki/describe.js'
import { provesPossession } from '../../../pki/possession.js'
import { sameKey } from '../../../pki/public-key.js'
import type { Passphrases } from '../../../ports.js'
import { type Finding, found } from './finding.js'
import { keyPemProblem } from './pem.js'
import type { CheckPorts, Scene, SeenCertificate } from './scene.js'

/** Each key is that of its certificate, and no two certificates have one key. */
export async function checkKeys(scene: Scene, { passphrases }: CheckPorts): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  // One after the other: the first one asks for the passphrase.
  for (const seen of scene.certificates) findings.push(...(await checkPair(scene, seen, passphrases)))
  return [...findings, ...sharedKeys(scene)]
}

async function checkPair(
  { files }: Scene,
  { file, role, certificate }: SeenCertificate,
  passphrases: Passphrases | undefined,
): Promise<readonly Finding[]> {
  const keyFile = role === 'root' ? PKI_FILES.rootKey : keyFileOf(file)
  const text = files.find(({ name }) => name === keyFile)?.text ?? null
  if (keyFile === null || text === null || keyPemProblem(text, keyFile) !== null) return []
  try {
    const signer = await openKeyPem(text, keyFile, passphrases)
    if (await provesPossession(signer, certificate.spki)) return []
    return [found('keys.mismatch', keyFile, `${keyFile} is not the key of ${file}.`)]
  } catch (error) {
    return told(error, keyFile, role)
  }
}

/** Why a key did not open. The check of the root key tells when that one lacks its passphrase. */
function told(error: unknown, keyFile: string, role: CertificateRole): readonly Finding[] {
  if (!(error instanceof FpkiError) || error.code === 'ERR_SIGINT' || error.code === 'ERR_SIGTERM') throw error
  if (error.code !== 'ERR_PASSPHRASE') return [found('keys.broken', keyFile, error.message)]
  return role === 'root' ? [] : [found('keys.encrypted', keyFile, error.message)]
}

function sharedKeys({ certificates }: Scene): readonly Finding[] {
  return certificates.flatMap(({ file, certificate }, at) => {
    const other = certificates.slice(0, at).find((seen) => sameKey(seen.certificate.publicKey, certificate.publicKey))
    return other === undefined ? [] : [found('keys.shared', file, `${file} has the same key as ${other.file}.`)]
  })
}
