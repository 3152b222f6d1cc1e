import * as z from 'zod/mini'
import { hsmOfJournal, type Journal } from '../directory/journal-record.js'
import { whyForeignDirectory } from '../directory/owned.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { DirectoryState } from '../directory/records.js'
import { requirePkiDirectory } from '../directory/require.js'
import { jsonDocument } from '../json-document.js'
import { requireTrusted } from '../keystore/remembered-token.js'
import type { DurableFiles } from '../ports.js'
import { formatPkcs11Uri } from '../signer/pkcs11/uri.js'

/** What `fpki ca resume --json` prints when nothing was interrupted; else it prints what the resumed command does. */
export const nothingToResume = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** No command was interrupted. */
  resumed: z.null(),
})

export type { Journal } from '../directory/journal-record.js'
export { type StartedOption, UnfinishedError, unfinishedMessage } from '../directory/unfinished-error.js'

/** A command that was interrupted in a PKI directory. */
export interface OpenWork {
  readonly journal: Journal
  readonly state: DirectoryState | null
  /** The factory that the journal names; null: none. */
  readonly factory: string | null
  /** The Factory API that the journal names; null: none. */
  readonly api: RecordedApi | null
  /** The token that the journal names, without its module; null: none. */
  readonly token: RecordedToken | null
  /** The PKCS#11 module that the journal names; null: none. Throws ERR_HSM_MODULE when somebody else could have put it there. */
  module(): Promise<string | null>
}

/** A token as a journal names it; null: not by this. */
interface RecordedToken {
  readonly label: string | null
  readonly serial: string | null
  /** The key in it, when that is not the usual one (RFC 7512). */
  readonly keyUri: string | null
}

/** A Factory API as records name it: the embedded one in a state directory, or a server. */
export type RecordedApi = { readonly stateDirectory: string } | { readonly url: string }

/** The command that was interrupted in a PKI directory; null: none. Nothing is changed. Throws ERR_NOT_A_DIRECTORY, ERR_BAD_FILE. */
export async function openWork(
  options: { readonly directory: string },
  { files }: { readonly files: DurableFiles },
): Promise<OpenWork | null> {
  const directory = await requirePkiDirectory(files, options.directory)
  await directory.check()
  const journal = await directory.readJournal()
  if (journal === null || journal.finishedAt !== null) return null
  const state = await directory.readState()
  const { factory = null, api } = { factory: undefined, api: undefined, ...journal.options }
  const hsm = hsmOfJournal(journal)
  return {
    journal,
    state,
    factory,
    // A backup does not prove who made it: the user has to name the Factory API of a restored command.
    api: api === undefined || journal.restored ? null : recordedApi(api),
    token: hsm && { label: hsm.tokenLabel, serial: hsm.tokenSerial, keyUri: keyUri(hsm.key) },
    module: () => recordedModule(directory, journal, hsm?.module ?? null),
  }
}

function keyUri(key: { readonly label: string | null; readonly id: string | null } | null): string | null {
  return key === null ? null : formatPkcs11Uri({ object: key.label, id: key.id })
}

/**
 * The Factory API in the state of a PKI directory; null: none is recorded, or somebody else could have written it, as in a
 * restored directory. Throws ERR_NOT_A_DIRECTORY, ERR_BAD_FILE.
 */
export async function apiOfDirectory(files: DurableFiles, path: string): Promise<RecordedApi | null> {
  const state = await (await requirePkiDirectory(files, path)).readState()
  if (state === null || state.restored || (await whyForeignDirectory(files, path)) !== null) return null
  return recordedApi(state.api)
}

async function recordedModule(
  directory: PkiDirectory,
  journal: Journal,
  module: string | null,
): Promise<string | null> {
  if (module !== null) await requireTrusted(directory, 'journal', module, journal)
  return module
}

function recordedApi(name: string): RecordedApi {
  const [, stateDirectory] = /^embedded \((.*)\)$/s.exec(name) ?? []
  return stateDirectory === undefined ? { url: name } : { stateDirectory }
}
