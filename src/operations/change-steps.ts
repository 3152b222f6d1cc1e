import type { DirectoryState, KeyReference } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { Change, ChangeWork } from './change-pki.js'
import { knownPki } from './open-pki.js'
import type { Step } from './run-steps.js'

/** Tells the Factory API, and reads back what it knows; an answer that got lost is no failure when the work was done. */
export function uploadStep(change: Change): Step<ChangeWork> {
  return {
    name: 'upload',
    says: 'Telling the Factory API, and reading back what it knows',
    run: async (work, facts) => {
      const known = await knownPki(work.api, work)
      const update = await change.update(work, known, facts)
      if (change.isTaken(known, update)) return undefined
      let lost: unknown
      await work.api.updateCertificates(update).catch((error: unknown) => {
        lost = error
      })
      const after = await knownPki(work.api, work).catch((error: unknown) => {
        throw outcomeUnknown(lost ?? error)
      })
      if (change.isTaken(after, update)) return undefined
      throw lost ?? notKept()
    },
  }
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

function notKept(): FpkiError {
  return new FpkiError(
    'ERR_API',
    'The Factory API does not show what it was sent and took.',
    'See what it knows with `fpki ca show --pretty`. The PKI directory is as it was.',
  )
}

/** In a restored directory, a token is open only when the person named its module: from now on it is remembered again. */
function namedAgain(state: DirectoryState, rootKey: KeyReference): DirectoryState {
  const { restored: _, ...rest } = state
  return rootKey.kind === 'pkcs11' ? { ...rest, rootKey } : state
}

/** Puts what was made in its place, and remembers what is to be remembered. */
export function finishStep(change: Change): Step<ChangeWork> {
  return {
    name: 'finish',
    says: 'Bringing the directory up to date',
    run: async (work, facts) => {
      const learnt = await change.finish(work, facts)
      const { directory, factory, api, rootSigner } = work
      const state = await directory.readState()
      // A directory of fioctl's has none: from now on the root key is found without flags.
      const fresh = { version: 1, factory, api: api.name, rootKey: await rootSigner.reference() } as const
      const named = state?.restored ? namedAgain(state, await rootSigner.reference()) : state
      if (named !== state || state === null || learnt !== undefined)
        await directory.writeState({ ...(named ?? fresh), ...learnt })
      return undefined
    },
  }
}
