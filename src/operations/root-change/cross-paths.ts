import { FpkiError } from '../../errors.js'
import { pathProblem } from '../../pki/path.js'
import { pathFault } from '../../pki/path-validation/validate.js'
import { type Certificate, readTbsCertificate, type TbsCertificate } from '../../pki/read-certificate.js'
import type { CertificateTemplate } from '../../pki/template.js'
import { shellWord } from '../../shell-word.js'
import { encodeTbs } from '../../signer/x509/certificate.js'
import type { OpenPki } from '../open-pki.js'

/** A root that certifies another. */
export interface Direction {
  readonly signer: OpenPki
  readonly certified: OpenPki
  /** The cross-certificate, in the directory of the signer. */
  readonly file: string
  /** Valid certificates that the certified root issued: they must verify with the signer through the cross-certificate. */
  readonly below: readonly Certificate[]
}

/**
 * Before a cross-certificate is signed: clients of the signing root will accept what the certified root has issued.
 *
 * @throws FpkiError ERR_CONSTRAINTS
 */
export async function requireAccepted(template: CertificateTemplate, { signer, below }: Direction): Promise<void> {
  const { root } = signer
  const { publicKey } = root
  if (publicKey.kind !== 'EC') return
  const cross = readTbsCertificate(await encodeTbs(template, publicKey.curve))
  const at = template.validity.notBefore
  for (const one of below) {
    const path = [root, cross, one, ...leafBelow(one)]
    const fault = pathFault(path, at < one.notBefore ? one.notBefore : at)
    if (fault !== null) throw notAccepted(template.role, fault)
  }
}

/** A device of a device CA: path lengths count the CAs above the last certificate of a path. */
function leafBelow(one: Certificate): readonly TbsCertificate[] {
  return one.parsedExtensions.basicConstraints?.ca ? [{ ...one, issuer: one.subject }] : []
}

function notAccepted(file: string, fault: string): FpkiError {
  return new FpkiError(
    'ERR_CONSTRAINTS',
    `Refusing to sign ${file}: clients would reject what the certified root has issued: ${fault}.`,
    'Nothing was signed. `openssl x509 -text` shows the constraints of both roots.',
  )
}

/** OpenSSL verifies every signature of every path. Throws ERR_SIGNATURE. */
export function requirePaths(cross: Certificate, { signer, certified, below, file }: Direction, at: Date): void {
  const problems = below.map((one) => pathProblem(one, { root: signer.root, intermediates: [cross], at }))
  const problem = problems.find((one) => one !== null)
  if (problem === undefined) return
  throw new FpkiError(
    'ERR_SIGNATURE',
    `Refusing ${file}: what the certified root has issued does not verify with it: ${problem}.`,
    `Check it with \`fpki ca verify ${shellWord(certified.directory.path)}\`.`,
  )
}
