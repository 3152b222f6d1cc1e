import { isKeyFile } from '../../../directory/names.js'
import { FpkiError } from '../../../errors.js'
import { privateKeyBlock } from '../../../signer/key-pem.js'
import type { AuditContext } from './context.js'
import { type Finding, failed } from './finding.js'

/** Each file contains one PEM block of the expected type, and each certificate can be parsed. */
export function checkPem({ files, broken }: AuditContext): readonly Finding[] {
  return [
    ...broken.map(({ file, problem }) => failed('pem.broken', file, problem.message)),
    ...files.flatMap(({ name, text }) => {
      const problem = text !== null && isKeyFile(name) ? keyPemProblem(text, name) : null
      return problem === null ? [] : [failed('pem.broken', name, problem)]
    }),
  ]
}

/** Why `text` is not a single private key in PEM; null: it is. */
export function keyPemProblem(text: string, name: string): string | null {
  try {
    privateKeyBlock(text, name)
    return null
  } catch (error) {
    if (error instanceof FpkiError) return error.message
    throw error
  }
}
