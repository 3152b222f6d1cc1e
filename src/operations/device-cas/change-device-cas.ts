import type { FactsOf } from '../../directory/journal-record.js'
import { FpkiError } from '../../errors.js'
import type { FactoryCertificates, KnownCertificates } from '../../factory/api.js'
import { deviceCaSerials, knownPki, type OpenPki, openPki, openRootKey } from '../../issuance/open-pki.js'
import { withAuditLog } from '../../journal/keep-records.js'
import { steps } from '../../journal/steps.js'
import { rootSignerOf } from '../../keystore/root-key.js'
import { isCrlOf, revokedIn } from '../../pki/crl.js'
import { describeCrl } from '../../pki/describe-crl.js'
import { readCrl } from '../../pki/read-crl.js'
import { type CaWords, serialsOf } from './ca-serials.js'
import type { Change, ChangePorts, ChangeWork } from './change.js'
import { changePki, isInterrupted } from './change-pki.js'
import { type ChangeDeviceCasResult, reportOf } from './changed-device-cas.js'
import { CA_ACTIONS, type CaAction, type CaPlan, planOf } from './device-ca-plan.js'
import { signedCrl } from './sign-crl.js'

export { type ChangeDeviceCasResult, changeDeviceCasResult } from './changed-device-cas.js'

/** The commands that send a CRL. */
type CrlCommand = (typeof CA_ACTIONS)[CaAction]['command']

/** What is to be done to which device CAs. */
export interface ChangeDeviceCasOptions extends CaWords {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  readonly action: CaAction
  /** Sign the CRL, and go no further. */
  readonly dryRun: boolean
}

/** What changing device CAs works with. */
export interface ChangeDeviceCasPorts extends ChangePorts {
  /**
   * Tells whoever runs fpki what will happen, and asks unless it is a dry run; throws ERR_NOT_CONFIRMED when it is not to
   * be. An interrupted run does not ask again.
   */
  confirm(action: CaAction, plan: CaPlan): Promise<void>
}

/**
 * Revokes, disables or enables device CAs with a CRL for the Factory API (docs/profile.md#crl).
 *
 * @throws FpkiError ERR_NOT_A_DEVICE_CA, ERR_NOT_CONFIRMED, and as serialsOf and changePki do
 */
export async function changeDeviceCas(
  options: ChangeDeviceCasOptions,
  ports: ChangeDeviceCasPorts,
): Promise<ChangeDeviceCasResult> {
  const { directory, factory, action, dryRun } = options
  const pki = await openPki(ports.files, directory, factory)
  const serials = await serialsOf(options, pki, ports.files)
  let confirmed: readonly string[] | null = null
  let known: KnownCertificates | undefined
  const { change, sentCrl } = crlChange(options, serials, ports, () => confirmed)
  const report = { factory, api: ports.api.name, directory, action, dryRun }
  const nothing = { changed: false, resumed: false, warnings: [] }
  if (dryRun || !(await isInterrupted(pki, change))) {
    known = await knownPki(ports.api, pki)
    const plan = await planOf(action, serials, pki, known)
    if (plan.isDone) return { ...report, ...nothing, deviceCas: reportOf(plan), crl: null }
    await ports.confirm(action, plan)
    if (dryRun) {
      const signed = await drySigned(options, serials, { ...pki, ...ports, known })
      return { ...report, ...nothing, deviceCas: reportOf(plan), ...signed }
    }
    confirmed = plan.dangers
  }
  const { facts, resumed, warnings } = await changePki({ directory, factory, known }, change, ports)
  const crl = describeCrl(readCrl(sentCrl(facts), 'the CRL'))
  return { ...report, changed: true, deviceCas: facts.crl.deviceCas, crl, resumed, warnings: [...warnings] }
}

/** The CRL that would be sent. It is signed, and so it is logged; nothing else is written. */
async function drySigned(
  { action }: ChangeDeviceCasOptions,
  serials: readonly bigint[],
  work: ChangePorts & OpenPki & { readonly known: FactoryCertificates },
) {
  const rootSigner = rootSignerOf(work.directory, work.access)
  const warnings: string[] = []
  const warn = (text: string) => {
    warnings.push(text)
    work.progress.warn(text)
  }
  const { command, reason } = CA_ACTIONS[action]
  try {
    const signer = await openRootKey(rootSigner, work)
    const pem = await withAuditLog(work.directory, `${command} --dry-run`, work, signer, (auditLog) =>
      signedCrl({ ...work, rootSigner, auditLog, warn }, reason, serials),
    )
    return { crl: describeCrl(readCrl(pem, 'the CRL')), warnings }
  } finally {
    await rootSigner.close()
  }
}

function crlChange(
  { action, factory }: ChangeDeviceCasOptions,
  serials: readonly bigint[],
  { api }: Pick<ChangePorts, 'api'>,
  confirmed: () => readonly string[] | null,
) {
  const { command, reason } = CA_ACTIONS[action]
  let resigned: string | null = null
  const sentCrl = (facts: FactsOf<CrlCommand>) => resigned ?? facts.crl.crl
  const change: Change<CrlCommand> = {
    command,
    options: { factory, api: api.name, caSerials: serials.map(String) },
    prepare: steps<ChangeWork, CrlCommand>().step({
      name: 'crl',
      says: 'Signing the CRL',
      run: async (work) => {
        const plan = await planOf(action, serials, work, work.known)
        requireConfirmed(plan, confirmed())
        return { deviceCas: [...reportOf(plan)], crl: await signedCrl(work, reason, serials) }
      },
    }),
    recheck: async (work, known) => requireConfirmed(await planOf(action, serials, work, known), confirmed()),
    update: async (work, known, facts) => {
      const { nextUpdate, crlNumber } = readCrl(sentCrl(facts), 'the CRL')
      // It may have waited for longer than it is good for.
      const isStale = nextUpdate !== null && nextUpdate <= work.clock()
      const isOvertaken = (crlNumber ?? 0n) <= numberOf(known, work)
      if ((isStale || isOvertaken) && !change.isTaken(known, {}))
        resigned = await signedCrl({ ...work, known }, reason, serials)
      return { caRevokeCrl: sentCrl(facts) }
    },
    isTaken: (known) => {
      const current = deviceCaSerials(known)
      const isDisabled = (serial: bigint) => known.disabledCaSerials.includes(serial.toString())
      if (action === 'revoke') return !serials.some((serial) => current.has(serial))
      return serials.every((serial) => current.has(serial) && isDisabled(serial) === (action === 'disable'))
    },
    finish: async (work, facts) => {
      const sent = readCrl(sentCrl(facts), 'the CRL')
      // This one takes the place of one that fioctl may have sent.
      const remembered = (await work.directory.readState())?.revokedCaSerials ?? []
      const revoked = [...remembered, ...revokedBefore(work), ...revokedIn(sent).map(String)]
      return { crlNumber: (sent.crlNumber ?? 0n).toString(), revokedCaSerials: [...new Set(revoked)] }
    },
  }
  return { change, sentCrl }
}

/** The number of the root's CRL that the Factory API has; somebody else may have sent one since ours was signed. */
function numberOf({ caRevokeCrl }: FactoryCertificates, { root }: ChangeWork): bigint {
  const crl = caRevokeCrl === null ? null : readCrl(caRevokeCrl, 'ca-revoke-crl')
  return crl !== null && isCrlOf(crl, root) ? (crl.crlNumber ?? 0n) : 0n
}

function revokedBefore({ known, root }: ChangeWork): readonly string[] {
  const crl = known.caRevokeCrl === null ? null : readCrl(known.caRevokeCrl, 'ca-revoke-crl')
  return crl !== null && isCrlOf(crl, root) ? revokedIn(crl).map(String) : []
}

/** Another command may have taken the other CAs away while this one was asked about. `null`: a run that goes on. */
function requireConfirmed({ dangers }: CaPlan, confirmed: readonly string[] | null): void {
  const unseen = dangers.find((danger) => confirmed !== null && !confirmed.includes(danger))
  if (unseen === undefined) return
  throw new FpkiError(
    'ERR_NOT_CONFIRMED',
    `The device CAs of the Factory API have changed since the question was asked. ${unseen}`,
    'Nothing was changed. Run the same command again, and confirm it.',
    { option: 'confirm' },
  )
}
