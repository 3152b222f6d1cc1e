import { PKI_FILES } from '../../directory/names.js'
import { isIssuedBy } from '../../pki/read-certificate.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** The root has signed itself, and a valid path leads from every other certificate to it. */
export async function checkChain({ root, certificates, now }: Scene): Promise<readonly Finding[]> {
  const file = PKI_FILES.rootCertificate
  if (root === null) return [found('chain.root', file, 'There is no root certificate to hold the others against.')]
  if (!isIssuedBy(root, root)) return [found('chain.root', file, `${file} is not signed by its own key.`)]
  // pkijs is large; nothing but this needs it.
  const { pathProblem } = await import('../../pki/path.js')
  const problems = certificates.map(async (seen) => {
    const problem = await pathProblem(seen.certificate, { root, at: now })
    return problem === null
      ? []
      : [found('chain.invalid', seen.file, `${seen.file} has no valid path to the root: ${problem}.`)]
  })
  return (await Promise.all(problems)).flat()
}
