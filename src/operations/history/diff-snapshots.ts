import * as z from 'zod/mini'
import { isKeyFile, ROOT_CSR } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { DirectoryState } from '../../directory/records.js'
import { requirePkiDirectory } from '../../directory/require.js'
import type { SnapshotRecord } from '../../directory/snapshot-record.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { formatName } from '../../pki/name.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles } from '../../ports.js'
import { serialToHex } from '../../serial-hex.js'
import { caFiles } from './ca-file.js'
import { type FileChange, fileChanges } from './file-changes.js'
import { recordChanges } from './record-changes.js'
import { snapshotOf } from './show-history.js'

/** A side of the comparison. */
const comparedSnapshot = z.strictObject({
  /** null: the directory as it is now. */
  number: z.nullable(z.int()),
  time: z.nullable(z.string()),
  command: z.nullable(z.string()),
})

/** What `fpki ca diff --json` prints. */
export const diffSnapshotsResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  from: comparedSnapshot,
  to: comparedSnapshot,
  changes: z.array(
    z.strictObject({
      what: z.enum(['added', 'removed', 'replaced', 'record']),
      /** null: the change is in state.json. */
      file: z.nullable(z.string()),
      /** For people: `added: site-b.key (private key)`. */
      text: z.string(),
      /** The facts of a certificate that differ; null: the side has no such certificate. */
      details: z.array(z.strictObject({ name: z.string(), old: z.nullable(z.string()), new: z.nullable(z.string()) })),
    }),
  ),
})

/** See {@link diffSnapshotsResult}. */
export type DiffSnapshotsResult = z.infer<typeof diffSnapshotsResult>

type Changes = DiffSnapshotsResult['changes']

/** A state of the PKI directory: that of a snapshot, or the current one. */
interface Side {
  readonly compared: DiffSnapshotsResult['from']
  readonly files: SnapshotRecord['files']
  readonly state: DirectoryState | null
  read(name: string): Promise<string | null>
}

/**
 * Compares two snapshots of a PKI directory, or a snapshot and its current state. Nothing is changed.
 *
 * @param from the number of a snapshot, or `now`
 * @param to the same
 * @throws FpkiError ERR_USAGE when the snapshot does not exist; ERR_NOT_A_DIRECTORY, ERR_STORAGE
 */
export async function diffSnapshots(
  { directory: path, from, to }: { readonly directory: string; readonly from: string; readonly to: string },
  { files }: { readonly files: DurableFiles },
): Promise<DiffSnapshotsResult> {
  const directory = await requirePkiDirectory(files, path)
  const [a, b] = [await sideOf(directory, from), await sideOf(directory, to)]
  const changes = await Promise.all(fileChanges(a.files, b.files).map((change) => inFile(change, a, b)))
  const names = [...new Set([...a.files, ...b.files].map(({ name }) => name))]
  const fileOf = caFiles(names, async (name) => (await b.read(name)) ?? a.read(name))
  const inRecords = await recordChanges(a.state, b.state, fileOf)
  return {
    directory: path,
    from: a.compared,
    to: b.compared,
    changes: [...changes, ...inRecords.map(inRecord)],
  }
}

async function sideOf(directory: PkiDirectory, word: string): Promise<Side> {
  if (word === 'now') {
    const compared = { number: null, time: null, command: null }
    return { compared, files: await directory.filesNow(), state: await directory.readState(), read: directory.read }
  }
  const { number, time, command, files, state, folder } = snapshotOf(await directory.snapshots(), word)
  const read = (name: string) => directory.readInSnapshot(folder, name)
  return { compared: { number, time, command }, files, state, read }
}

async function inFile({ what, name }: FileChange, a: Side, b: Side): Promise<Changes[number]> {
  const old = what === 'added' ? NO_FACTS : await factsOf(name, a)
  const now = what === 'removed' ? NO_FACTS : await factsOf(name, b)
  const names = [...new Set([...old.keys(), ...now.keys()])].filter((fact) => old.get(fact) !== now.get(fact))
  const details = names.map((fact) => ({ name: fact, old: old.get(fact) ?? null, new: now.get(fact) ?? null }))
  return { what, file: name, text: `${what}: ${name}${kindOf(name)}`, details }
}

function kindOf(name: string): string {
  if (isKeyFile(name)) return ' (private key)'
  return name === ROOT_CSR ? ' (certificate request of the root)' : ''
}

const NO_FACTS: ReadonlyMap<string, string> = new Map()

/** What a person compares in a certificate. Keys are not read. */
async function factsOf(name: string, { read }: Side): Promise<ReadonlyMap<string, string>> {
  if (kindOf(name) !== '') return NO_FACTS
  try {
    const { subject, serialNumber, notAfter, der } = readPemCertificate((await read(name)) ?? '', name)
    return new Map([
      ['subject', formatName(subject)],
      ['serial', serialToHex(serialNumber)],
      ['valid until', rfc3339(notAfter)],
      ['SHA-256', fingerprintOf(der)],
    ])
  } catch (error) {
    if (error instanceof FpkiError) return new Map([['certificate', 'not readable']])
    throw error
  }
}

function inRecord(text: string): Changes[number] {
  return { what: 'record', file: null, text, details: [] }
}
