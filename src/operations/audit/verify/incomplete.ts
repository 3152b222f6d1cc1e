import type { InspectedDirectory } from '../../../directory/inspect.js'
import { isPkiFile, OWN_FOLDER, PKI_FILES, ROOT_CSR } from '../../../directory/names.js'
import { shellWord } from '../../../shell-word.js'
import type { FindingCode } from './codes.js'
import type { Finding } from './finding.js'

/** Findings that are expected as long as the PKI is incomplete. No backup has the missing files. */
const EXPECTED: readonly string[] = [
  'files.missing',
  'files.stray-key',
  'chain.root',
  'api.not-initialized',
  'root-key.mismatch',
] satisfies readonly FindingCode[]

/** Replaces the hint of a finding that is expected in an incomplete PKI: complete it rather than restore a backup. */
export function whileIncomplete(finding: Finding, directory: InspectedDirectory): Finding {
  const hint = EXPECTED.includes(finding.code) ? completionHint(directory) : null
  return hint === null ? finding : { ...finding, hint }
}

/** How to complete the PKI in a directory; null: it has a root certificate, or lost it. */
export function completionHint({
  path,
  names,
  journal,
}: Pick<InspectedDirectory, 'path' | 'names' | 'journal'>): string | null {
  if (names.includes(PKI_FILES.rootCertificate)) return null
  const directory = shellWord(path)
  if (journal !== null && journal.finishedAt === null)
    return `\`fpki ${journal.command}\` was interrupted; to finish: \`fpki ca resume ${directory}\`.`
  if (names.includes(ROOT_CSR))
    return `Have ${ROOT_CSR} signed, then run \`fpki ca create ${directory} --root-cert signed.pem\`.`
  const isPki = names.some((name) => isPkiFile(name) || name === OWN_FOLDER)
  return isPki ? null : 'Pass a PKI directory, or create one with `fpki ca create /absolute/path`.'
}
