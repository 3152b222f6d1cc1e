import * as z from 'zod/mini'
import { whyForeignDirectory } from '../directory/owned.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import type { DirectoryState, Journal } from '../directory/records.js'
import { requirePkiDirectory } from '../directory/require.js'
import { jsonDocument } from '../json-document.js'
import { requireTrusted } from '../keystore/remembered-token.js'
import type { DurableFiles } from '../ports.js'

/** What `fpki ca resume --json` prints when nothing is open; else it prints what the command does that it goes on with. */
export const nothingToResume = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** No command is open. */
  resumed: z.null(),
})

/** A command that was interrupted in a PKI directory. */
export interface OpenWork {
  readonly journal: Journal
  readonly state: DirectoryState | null
  /** The Factory API that it spoke to, as its journal has it; null: it has none. */
  readonly api: RecordedApi | null
  /** The PKCS#11 module that its journal names; null: none. Throws ERR_HSM_MODULE when somebody else could have put it there. */
  module(): Promise<string | null>
}

/** A Factory API as records name it: the embedded one in a state directory, or a server. */
export type RecordedApi = { readonly stateDirectory: string } | { readonly url: string }

/** The command that is open in a PKI directory; null: none. Nothing is changed. Throws ERR_NOT_A_DIRECTORY, ERR_BAD_FILE. */
export async function openWork(files: DurableFiles, path: string): Promise<OpenWork | null> {
  const directory = await requirePkiDirectory(files, path)
  await directory.check()
  const journal = await directory.readJournal()
  if (journal === null || journal.finishedAt !== null) return null
  const state = await directory.readState()
  const said = journal.arguments['--api'] ?? journal.facts['api']
  // A backup does not prove who made it: where a restored command goes on is for the person to say.
  const api = said === undefined || journal.restored ? null : recordedApi(said)
  return { journal, state, api, module: () => recordedModule(directory, journal) }
}

/**
 * The Factory API that the state of a PKI directory names; null: none does, or somebody else could have written it, as in a
 * restored directory. Throws ERR_NOT_A_DIRECTORY, ERR_BAD_FILE.
 */
export async function apiOfDirectory(files: DurableFiles, path: string): Promise<RecordedApi | null> {
  const state = await (await requirePkiDirectory(files, path)).readState()
  if (state === null || state.restored || (await whyForeignDirectory(files, path)) !== null) return null
  return recordedApi(state.api)
}

async function recordedModule(directory: PkiDirectory, journal: Journal): Promise<string | null> {
  const module = journal.arguments['--hsm-module']
  if (!module) return null
  await requireTrusted(directory, 'journal', module, journal)
  return module
}

function recordedApi(name: string): RecordedApi {
  const [, stateDirectory] = /^embedded \((.*)\)$/s.exec(name) ?? []
  return stateDirectory === undefined ? { url: name } : { stateDirectory }
}
