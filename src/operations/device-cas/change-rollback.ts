import type { FactsOf } from '../../directory/journal-record.js'
import { FpkiError } from '../../errors.js'
import { certificatesInApi } from '../open-pki.js'
import type { Change, ChangeCommand, ChangeWork } from './change.js'

/** Is it certain that the Factory API has not accepted the change? A user abort is resumed, not rolled back. */
export async function isUndone<Command extends ChangeCommand>(
  error: unknown,
  change: Change<Command>,
  work: ChangeWork,
): Promise<boolean> {
  if (work.signal.aborted || !(error instanceof FpkiError)) return false
  const journal = await work.directory.readJournal().catch(() => null)
  const upload = journal?.steps.find(({ name }) => name === 'upload')?.state
  if (journal === null || upload !== 'started') return upload === 'pending'
  try {
    const inApi = await certificatesInApi(work.api, work)
    return !change.isTaken(inApi, await change.update(work, inApi, journal.facts as FactsOf<Command>))
  } catch {
    return false
  }
}

/**
 * Staged files without a journal are left over from a rollback. But if the Factory API has one of them, the journal was lost
 * and the file is in use, so it must not be removed. Throws ERR_UNFINISHED.
 */
export async function refuseUploadedLeftovers({ directory, inApi }: ChangeWork): Promise<void> {
  const accepted = [inApi.tlsCrt, inApi.estTlsCrt, inApi.caCrt].join('\n').replace(/\s/g, '')
  for (const name of await directory.staged()) {
    const pem = (await directory.readStaged(name)) ?? ''
    if (pem === '' || !accepted.includes(pem.replace(/\s/g, ''))) continue
    throw new FpkiError(
      'ERR_UNFINISHED',
      `The Factory API has accepted ${name} in ${directory.path}/.fpki/pending, but the journal of that change is missing.`,
      'Move the files of that folder to the PKI directory, then run the command again.',
    )
  }
}

/** Removes all staged files. */
export async function discardStaged({ directory }: ChangeWork): Promise<void> {
  for (const name of await directory.staged()) await directory.discard(name)
}
