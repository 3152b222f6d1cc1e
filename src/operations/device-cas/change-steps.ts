import type { DirectoryState, KeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import type { CertificatesUpdate, FactoryCertificates, VersionedCertificates } from '../../factory/api.js'
import { retryOnConflict } from '../../factory/retry-on-conflict.js'
import type { FinalStep } from '../../journal/steps.js'
import { revokedSerials } from '../../pki/crl.js'
import { readPemList } from '../../pki/read-certificate.js'
import { readCrl } from '../../pki/read-crl.js'
import { serialToHex } from '../../serial-hex.js'
import { shellWord } from '../../shell-word.js'
import { certificatesInApi, deviceCaSerials } from '../open-pki.js'
import type { Change, ChangeCommand, ChangeWork } from './change.js'

/** An update that the Factory API has accepted. */
export interface Sent {
  readonly update: CertificatesUpdate
  /** The state of the API on which the update was based. */
  readonly before: VersionedCertificates
}

/** The step that uploads and reads back. A lost response is not a failure if the Factory API shows the change. */
export function upload<Command extends ChangeCommand>(
  change: Change<Command>,
  onSent: (sent: Sent) => void,
): FinalStep<ChangeWork, Command> {
  return {
    name: 'upload',
    says: 'Uploading to the Factory API, and reading it back',
    run: (work, facts) =>
      retryOnConflict(async () => {
        const inApi = await certificatesInApi(work.api, work)
        const update = await change.update(work, inApi, facts)
        if (change.isTaken(inApi, update)) return
        await change.recheck?.(work, inApi)
        let lost: unknown
        await work.api.updateCertificates(update, inApi.version).catch((error: unknown) => {
          lost = error
        })
        const after = await certificatesInApi(work.api, work).catch((error: unknown) => {
          throw outcomeUnknown(lost ?? error)
        })
        if (!change.isTaken(after, update)) throw lost ?? notKept(update, after, work)
        onSent({ update, before: inApi })
      }),
  }
}

/**
 * Reads the Factory API again after some time. Without versions, a concurrent command that read before this update can
 * overwrite it afterwards. Throws ERR_API when the update is no longer there.
 */
export async function lookAgain<Command extends ChangeCommand>(
  change: Change<Command>,
  work: ChangeWork,
  sent: Sent | undefined,
): Promise<void> {
  if (sent === undefined || sent.before.version !== null) return
  const inApi = await certificatesInApi(work.api, work).catch(() => null)
  if (inApi === null)
    return work.warn(`Reading the Factory API again failed. Check the change with \`${showOf(work)}\`.`)
  const revived = revivedIn(inApi, sent)
  if (revived.length > 0) throw broughtBack(revived, work)
  if (change.isTaken(inApi, sent.update)) return
  throw new FpkiError(
    'ERR_API',
    `A concurrent change overwrote the update of \`${change.command}\` in the Factory API${missingIn(inApi, sent.update)}.`,
    `The PKI directory is up to date. Compare it with \`${showOf(work)}\`, and upload the complete list with \`fpki ca update FILE --factory ${work.factory}\`.`,
  )
}

/** The command that shows the PKI in the Factory API. */
function showOf({ directory }: ChangeWork): string {
  return `fpki ca show ${shellWord(directory.path)} --pretty`
}

/** Device CAs that were revoked between the read and the update, whose list still contains them. */
function revivedIn(inApi: FactoryCertificates, { update, before }: Sent): readonly bigint[] {
  const { caRevokeCrl } = inApi
  if (update.caCrt === undefined || caRevokeCrl === null || caRevokeCrl === before.caRevokeCrl) return []
  const current = deviceCaSerials(inApi)
  return revokedSerials(readCrl(caRevokeCrl, 'ca-revoke-crl')).filter((serial) => current.has(serial))
}

function broughtBack(serials: readonly bigint[], { directory }: ChangeWork): FpkiError {
  const names = serials.map(serialToHex)
  const again = names.map((serial) => ` --ca-serial ${serial}`).join('')
  return new FpkiError(
    'ERR_API',
    `Device CAs were revoked concurrently, and the uploaded list restored them: ${names.join(', ')}.`,
    `The PKI directory is up to date. Revoke them again with \`fpki ca revoke-device-ca ${shellWord(directory.path)}${again}\`.`,
  )
}

/** Names the device CAs that were sent and are missing. */
function missingIn(inApi: FactoryCertificates, { caCrt = '' }: CertificatesUpdate): string {
  const current = deviceCaSerials(inApi)
  const sent = caCrt.trim() === '' ? [] : readPemList(caCrt, 'ca-crt').map(({ serialNumber }) => serialNumber)
  const missing = sent.filter((serial) => !current.has(serial))
  return missing.length === 0 ? '' : ` (missing: ${missing.map(serialToHex).join(', ')})`
}

function outcomeUnknown(cause: unknown): FpkiError {
  const reason = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause)
  return new FpkiError(
    'ERR_API',
    `It is unknown whether the Factory API accepted the change: ${reason}.`,
    'Run the same command again: it checks the Factory API and resumes.',
    { cause },
  )
}

function notKept(update: CertificatesUpdate, inApi: FactoryCertificates, work: ChangeWork): FpkiError {
  return new FpkiError(
    'ERR_API',
    `The Factory API accepted the update, but does not show it${missingIn(inApi, update)}.`,
    `The PKI directory was not changed. Check the Factory API with \`${showOf(work)}\`.`,
  )
}

/** In a restored directory, a token is open only if the user named its module: record that module from now on. */
function namedAgain(state: DirectoryState, rootKey: KeyRef): DirectoryState {
  const { restored: _, ...rest } = state
  return rootKey.kind === 'pkcs11' ? { ...rest, rootKey } : state
}

/** The step that publishes the new files and updates state.json. */
export function publish<Command extends ChangeCommand>(change: Change<Command>): FinalStep<ChangeWork, Command> {
  return {
    name: 'publish',
    says: 'Updating the directory',
    run: async (work, facts) => {
      const learnt = await change.finish(work, facts)
      const { directory, factory, api, rootSigner } = work
      const state = await directory.readState()
      // A directory of fioctl has no state.json: record the root key, so that it is found without flags.
      const fresh = { version: 1, factory, api: api.name, rootKey: await rootSigner.reference() } as const
      const named = state?.restored ? namedAgain(state, await rootSigner.reference()) : state
      if (named !== state || state === null || learnt !== undefined)
        await directory.writeState({ ...(named ?? fresh), ...learnt })
    },
  }
}
