import type { RegisterPorts } from '../../devices/open.js'
import { standingOfShown } from '../../directory/ca-standing.js'
import { inspectDirectory } from '../../directory/inspect.js'
import { rfc3339 } from '../../pki/describe.js'
import type { DurableFiles } from '../../ports.js'
import { requireFreeInFolder } from '../../storage/require-free.js'
import { ROLE_NAMES } from '../certificate-roles.js'
import { requireOutsidePki } from '../outside-pki.js'
import {
  type Hierarchy,
  type HierarchyCertificate,
  hierarchyCertificateOf,
  hierarchyOf,
  type StateAt,
} from '../show/hierarchy.js'
import { hierarchyMermaid } from '../show/picture-mermaid.js'
import { hierarchySvgFile } from '../show/picture-svg.js'
import type { ShowPkiResult } from '../show/show-pki.js'
import { readCertificates } from './read-certificates.js'
import { readLines } from './read-devices.js'

/** The formats of a picture. */
export type PictureFormat = 'svg' | 'mermaid'

/** What a picture is of. */
export interface DrawPkiOptions {
  /** The PKI in the Factory API. */
  readonly shown: ShowPkiResult
  /** Its PKI directory, absolute, for names of files, cross-certificates, revoked device CAs and lines; null: none. */
  readonly directory: string | null
  readonly warnDays: number
}

/** The hierarchy of the PKI in a Factory API, with what its PKI directory adds. */
export async function hierarchyOfShown(
  { shown, directory, warnDays }: DrawPkiOptions,
  ports: RegisterPorts,
): Promise<Hierarchy> {
  const at = { now: ports.clock(), warnDays }
  const inDirectory = directory === null ? [] : await certificatesIn(directory, at, ports.files)
  const names = new Map(inDirectory.toReversed().map(({ fingerprint, name }) => [fingerprint, name]))
  const { root, tls, estTls, deviceCas, refusedCas } = shown
  const all = [root, tls, estTls, ...deviceCas, ...refusedCas].filter((one) => one !== null)
  const inApi = all.map((facts) => {
    const { role, fingerprint } = facts
    const name = names.get(fingerprint) ?? ROLE_NAMES[role]
    return hierarchyCertificateOf(facts, { role, name, current: true, standing: standingOfShown(facts) }, at)
  })
  const listed = new Set(inApi.map(({ fingerprint }) => fingerprint))
  // The Factory API has neither.
  const added = inDirectory.filter(
    ({ role, state, fingerprint }) => (role === 'cross' || state === 'revoked') && !listed.has(fingerprint),
  )
  const lines = directory === null ? [] : await readLines({ directory, store: null }, ports)
  return hierarchyOf({ factory: shown.factory, at: rfc3339(at.now) }, [...inApi, ...added], lines)
}

async function certificatesIn(
  path: string,
  at: StateAt,
  files: DurableFiles,
): Promise<readonly HierarchyCertificate[]> {
  return (await readCertificates(await inspectDirectory(files, path), at)).certificates
}

/** A hierarchy as the text of a picture. */
export function drawHierarchy(hierarchy: Hierarchy, format: PictureFormat): string {
  return format === 'svg' ? hierarchySvgFile(hierarchy) : hierarchyMermaid(hierarchy)
}

/**
 * Writes a picture to a new file. Throws ERR_USAGE for one in a PKI directory; ERR_EXISTS; ERR_STORAGE, also when its folder
 * does not exist.
 */
export async function writePicture(
  { text, out, directories }: { readonly text: string; readonly out: string; readonly directories: readonly string[] },
  files: DurableFiles,
): Promise<void> {
  await requireOutsidePki({ path: out, what: 'a picture', directories }, files)
  await requireFreeInFolder(files, out, 'picture')
  await files.create(out, text, 0o644)
}
