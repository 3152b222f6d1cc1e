import type { DirectoryState, KeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { againOnConflict } from '../../factory/again-on-conflict.js'
import type { CertificatesUpdate, FactoryCertificates, KnownCertificates } from '../../factory/api.js'
import { deviceCaSerials, knownPki } from '../../issuance/open-pki.js'
import type { FinalStep } from '../../journal/steps.js'
import { revokedIn } from '../../pki/crl.js'
import { readPemList } from '../../pki/read-certificate.js'
import { readCrl } from '../../pki/read-crl.js'
import { shellWord } from '../../shell-word.js'
import type { Change, ChangeCommand, ChangeWork } from './change.js'

/** An update that the Factory API has taken. */
export interface Sent {
  readonly update: CertificatesUpdate
  /** What the API had when the update was made. */
  readonly before: KnownCertificates
}

/** The step that uploads, and reads back; a lost answer is not a failure when the Factory API shows the change. */
export function upload<Command extends ChangeCommand>(
  change: Change<Command>,
  onSent: (sent: Sent) => void,
): FinalStep<ChangeWork, Command> {
  return {
    name: 'upload',
    says: 'Uploading to the Factory API, and reading it back',
    run: (work, facts) =>
      againOnConflict(async () => {
        const known = await knownPki(work.api, work)
        const update = await change.update(work, known, facts)
        if (change.isTaken(known, update)) return
        await change.recheck?.(work, known)
        let lost: unknown
        await work.api.updateCertificates(update, known.version).catch((error: unknown) => {
          lost = error
        })
        const after = await knownPki(work.api, work).catch((error: unknown) => {
          throw outcomeUnknown(lost ?? error)
        })
        if (!change.isTaken(after, update)) throw lost ?? notKept(update, after, work)
        onSent({ update, before: known })
      }),
  }
}

/**
 * Looks at the Factory API once more, now that some time has passed. One without versions lets another command that read
 * before this one wrote replace the whole list afterwards. Throws ERR_API when it no longer shows what was sent.
 */
export async function lookAgain<Command extends ChangeCommand>(
  change: Change<Command>,
  work: ChangeWork,
  sent: Sent | undefined,
): Promise<void> {
  if (sent === undefined || sent.before.version !== null) return
  const known = await knownPki(work.api, work).catch(() => null)
  if (known === null) return work.warn(`The Factory API could not be read once more; see \`${showOf(work)}\`.`)
  const revived = revivedIn(known, sent)
  if (revived.length > 0) throw broughtBack(revived, work)
  if (change.isTaken(known, sent.update)) return
  throw new FpkiError(
    'ERR_API',
    `The Factory API took \`${change.command}\` and no longer shows it${missingIn(known, sent.update)}: somebody else changed it at the same time.`,
    `The PKI directory is up to date. Compare it with \`${showOf(work)}\`; \`fpki ca update FILE --factory ${work.factory}\` puts a whole list in place.`,
  )
}

/** The command that shows what the Factory API knows. */
function showOf({ directory }: ChangeWork): string {
  return `fpki ca show ${shellWord(directory.path)} --pretty`
}

/** The device CAs that somebody else revoked between our reading and our writing: the list that we sent has them still. */
function revivedIn(known: FactoryCertificates, { update, before }: Sent): readonly bigint[] {
  const { caRevokeCrl } = known
  if (update.caCrt === undefined || caRevokeCrl === null || caRevokeCrl === before.caRevokeCrl) return []
  const there = deviceCaSerials(known)
  return revokedIn(readCrl(caRevokeCrl, 'ca-revoke-crl')).filter((serial) => there.has(serial))
}

function broughtBack(serials: readonly bigint[], { directory }: ChangeWork): FpkiError {
  const again = serials.map((serial) => ` --ca-serial ${serial}`).join('')
  return new FpkiError(
    'ERR_API',
    `Somebody else revoked device CAs at the same time, and the list that was sent has them again: ${serials.join(', ')}.`,
    `The PKI directory is up to date. Revoke them again with \`fpki ca revoke-device-ca ${shellWord(directory.path)}${again}\`.`,
  )
}

/** Names the device CAs that were sent and are not there. */
function missingIn(known: FactoryCertificates, { caCrt = '' }: CertificatesUpdate): string {
  const there = deviceCaSerials(known)
  const sent = caCrt.trim() === '' ? [] : readPemList(caCrt, 'ca-crt').map(({ serialNumber }) => serialNumber)
  const missing = sent.filter((serial) => !there.has(serial))
  return missing.length === 0 ? '' : ` (missing: ${missing.join(', ')})`
}

function outcomeUnknown(cause: unknown): FpkiError {
  const reason = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)
  return new FpkiError(
    'ERR_API',
    `It is not known whether the Factory API has taken the change: ${reason}.`,
    'Run the same command again: it finds out, and goes on.',
    { cause },
  )
}

function notKept(update: CertificatesUpdate, known: FactoryCertificates, work: ChangeWork): FpkiError {
  return new FpkiError(
    'ERR_API',
    `The Factory API does not show what it was sent and took${missingIn(known, update)}.`,
    `See what it knows with \`${showOf(work)}\`. The PKI directory is as it was.`,
  )
}

/** In a restored directory, a token is open only when the person named its module: from now on it is remembered again. */
function namedAgain(state: DirectoryState, rootKey: KeyRef): DirectoryState {
  const { restored: _, ...rest } = state
  return rootKey.kind === 'pkcs11' ? { ...rest, rootKey } : state
}

/** The step that puts what was made in its place, and remembers what is to be remembered. */
export function publish<Command extends ChangeCommand>(change: Change<Command>): FinalStep<ChangeWork, Command> {
  return {
    name: 'publish',
    says: 'Updating the directory',
    run: async (work, facts) => {
      const learnt = await change.finish(work, facts)
      const { directory, factory, api, rootSigner } = work
      const state = await directory.readState()
      // A directory of fioctl's has none: from now on the root key is found without flags.
      const fresh = { version: 1, factory, api: api.name, rootKey: await rootSigner.reference() } as const
      const named = state?.restored ? namedAgain(state, await rootSigner.reference()) : state
      if (named !== state || state === null || learnt !== undefined)
        await directory.writeState({ ...(named ?? fresh), ...learnt })
    },
  }
}
