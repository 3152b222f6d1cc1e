import { isKeyFile } from '../../../directory/names.js'
import { FpkiError } from '../../../errors.js'
import { privateKeyBlock } from '../../../signer/key-pem.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** One PEM block of the right kind a file, and a certificate that can be read. */
export function checkPem({ files, broken }: Scene): readonly Finding[] {
  return [
    ...broken.map(({ file, problem }) => found('pem.broken', file, problem.message)),
    ...files.flatMap(({ name, text }) => {
      const problem = text !== null && isKeyFile(name) ? keyPemProblem(text, name) : null
      return problem === null ? [] : [found('pem.broken', name, problem)]
    }),
  ]
}

/** Why `text` does not hold one private key, as far as its PEM says; null: it does. */
export function keyPemProblem(text: string, name: string): string | null {
  try {
    privateKeyBlock(text, name)
    return null
  } catch (error) {
    if (error instanceof FpkiError) return error.message
    throw error
  }
}
