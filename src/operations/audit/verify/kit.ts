import { KIT_MANIFEST, PKI_FILES } from '../../../directory/names.js'
import { sha256 } from '../../../sha256.js'
import type { AuditContext } from './context.js'
import { type Finding, failed } from './finding.js'

/** A kit has the files that it was exported with, and no root key. */
export function checkKit({ directory, files }: AuditContext): readonly Finding[] {
  if (directory.kit === null) return []
  const { rootKey } = PKI_FILES
  const stray = directory.names.includes(rootKey)
    ? [failed('kit.root-key', rootKey, `The kit has the root key ${rootKey}.`)]
    : []
  const changed = directory.kit.files.flatMap(({ name, sha256: sum }) => {
    const file = files.find((one) => one.name === name)
    const isChanged = file?.text != null && sha256(file.text) !== sum
    return isChanged ? [failed('kit.changed', name, `${name} is not the file that ${KIT_MANIFEST} lists.`)] : []
  })
  return [...stray, ...changed]
}
