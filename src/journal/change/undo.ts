import type { Journal } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { knownPki } from '../../issuance/open-pki.js'
import type { Change, ChangeWork } from './change-pki.js'

/** Is it certain that the Factory API has not taken the change? A stop by the user is gone on with, not undone. */
export async function isUndone(error: unknown, change: Change, work: ChangeWork): Promise<boolean> {
  if (work.signal.aborted || !(error instanceof FpkiError)) return false
  const journal = await work.directory.readJournal().catch(() => null)
  const upload = journal?.steps.find(({ name }) => name === 'upload')?.state
  if (journal === null || upload !== 'started') return upload === 'pending'
  try {
    const known = await knownPki(work.api, work)
    return !change.isTaken(known, await change.update(work, known, journal.facts))
  } catch {
    return false
  }
}

/**
 * What is staged and no journal speaks of is what an undone change could not clear away. But when the Factory API has it,
 * its journal was lost, and it is in use: it is not for us to remove it.
 */
export async function refuseTakenLeftovers({ directory, known }: ChangeWork): Promise<void> {
  const inApi = [known.tlsCrt, known.estTlsCrt, known.caCrt].join('\n').replace(/\s/g, '')
  for (const name of await directory.staged()) {
    const pem = (await directory.readStaged(name)) ?? ''
    if (pem === '' || !inApi.includes(pem.replace(/\s/g, ''))) continue
    throw new FpkiError(
      'ERR_UNFINISHED',
      `The Factory API has ${name} of ${directory.path}/.fpki/pending, and the journal that speaks of it is gone.`,
      'Move what is in that folder to its places in the PKI directory, and run the command again.',
    )
  }
}

/** Leaves the directory as it was. The journal goes first: without it, nobody wants what is staged. */
export async function restore(work: ChangeWork, earlier: Journal | null): Promise<void> {
  await work.directory.restoreJournal(earlier)
  await discardStaged(work)
}

/** Removes what was made aside, and nobody wants. */
export async function discardStaged({ directory }: ChangeWork): Promise<void> {
  for (const name of await directory.staged()) await directory.discard(name)
}
