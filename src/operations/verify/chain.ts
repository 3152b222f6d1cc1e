import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { sameName } from '../../pki/name.js'
import { isIssuedBy } from '../../pki/read-certificate.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** A valid path leads from every certificate to the root, which is trusted as it is; but one that names itself has signed itself. */
export async function checkChain({ root, certificates, now }: Scene): Promise<readonly Finding[]> {
  const file = PKI_FILES.rootCertificate
  if (root === null) return [found('chain.root', file, 'There is no root certificate to hold the others against.')]
  if (sameName(root.issuer, root.subject) && !isIssuedBy(root, root))
    return [found('chain.root', file, `${file} is not signed by its own key.`)]
  // pkijs is large; nothing but this needs it.
  const { pathProblem } = await import('../../pki/path.js')
  const others = certificates.filter(({ role }) => role !== 'root')
  const problems = others.map(async ({ file: name, certificate }) => {
    const problem = await pathProblem(certificate, { root, at: now }).catch(inWords)
    return problem === null ? [] : [found('chain.invalid', name, `${name} has no valid path to the root: ${problem}.`)]
  })
  return (await Promise.all(problems)).flat()
}

function inWords(error: unknown): string {
  if (error instanceof FpkiError) return error.message.replace(/\.$/, '')
  throw error
}
