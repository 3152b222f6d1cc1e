import type { DeviceCount } from '../../devices/register.js'
import type { FactsOf } from '../../directory/journal-record.js'
import { FpkiError } from '../../errors.js'
import type { FactoryCertificates, VersionedCertificates } from '../../factory/api.js'
import { withAuditLog } from '../../journal/keep-records.js'
import { steps } from '../../journal/steps.js'
import { rootSignerOf } from '../../keystore/root-key.js'
import { isCrlOf, revokedSerials } from '../../pki/crl.js'
import { describeCrl } from '../../pki/describe-crl.js'
import { readCrl } from '../../pki/read-crl.js'
import { certificatesInApi, deviceCaSerials, type OpenPki, openPkiOfRoot, openRootKey } from '../open-pki.js'
import { type CaWords, serialsOf } from './ca-serials.js'
import type { Change, ChangePorts, ChangeWork } from './change.js'
import { changePki, isInterrupted } from './change-pki.js'
import { type ChangeDeviceCasResult, reportOf, withDevices } from './changed-device-cas.js'
import { CA_ACTIONS, type CaAction, type CaPlan, planOf } from './device-ca-plan.js'
import { devicesOfCas } from './devices-of-cas.js'
import { rememberDisabled } from './remember-disabled.js'
import { signedCrl } from './sign-crl.js'

export { type ChangeDeviceCasResult, changeDeviceCasResult } from './changed-device-cas.js'

/** The commands that send a CRL. */
type CrlCommand = (typeof CA_ACTIONS)[CaAction]['command']

/** The action, and the device CAs to apply it to. */
export interface ChangeDeviceCasOptions extends CaWords {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  readonly action: CaAction
  /** Sign the CRL, but do not send it. */
  readonly dryRun: boolean
}

/** Ports of {@link changeDeviceCas}. */
export interface ChangeDeviceCasPorts extends ChangePorts {
  /**
   * Shows the plan, and asks for confirmation unless it is a dry run; throws ERR_NOT_CONFIRMED when it is denied. Not called
   * when an interrupted run is resumed. `devices` are those that the register knows of, by the serial numbers of their CAs.
   */
  confirm(action: CaAction, plan: CaPlan, devices: ReadonlyMap<string, DeviceCount>): Promise<void>
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
  const pki = await openPkiOfRoot(ports.files, directory, factory)
  const serials = await serialsOf(options, pki, ports.files)
  const devices = await devicesOfCas(pki, serials, ports)
  let confirmed: readonly string[] | null = null
  let inApi: VersionedCertificates | undefined
  const { change, sentCrl } = crlChange(options, serials, ports, () => confirmed)
  const report = { factory, api: ports.api.name, directory, action, dryRun }
  const nothing = { changed: false, resumed: false, warnings: [] }
  if (dryRun || !(await isInterrupted(pki, change))) {
    inApi = await certificatesInApi(ports.api, pki)
    const plan = await planOf(action, serials, pki, inApi)
    const deviceCas = withDevices(reportOf(plan), devices)
    if (plan.isDone && !dryRun) await rememberDisabled(pki, inApi)
    if (plan.isDone) return { ...report, ...nothing, deviceCas, crl: null }
    await ports.confirm(action, plan, devices)
    if (dryRun) {
      const signed = await drySigned(options, serials, { ...pki, ...ports, inApi })
      return { ...report, ...nothing, deviceCas, ...signed }
    }
    confirmed = plan.dangers
  }
  const { facts, resumed, warnings } = await changePki({ directory, factory, inApi }, change, ports)
  const crl = describeCrl(readCrl(sentCrl(facts), 'the CRL'))
  const deviceCas = withDevices(facts.crl.deviceCas, devices)
  return { ...report, changed: true, deviceCas, crl, resumed, warnings: [...warnings] }
}

/** Signs the CRL that would be sent, and records it in the audit log; writes nothing else. */
async function drySigned(
  { action }: ChangeDeviceCasOptions,
  serials: readonly bigint[],
  work: ChangePorts & OpenPki & { readonly inApi: FactoryCertificates },
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
        const plan = await planOf(action, serials, work, work.inApi)
        requireConfirmed(plan, confirmed())
        return { deviceCas: [...reportOf(plan)], crl: await signedCrl(work, reason, serials) }
      },
    }),
    recheck: async (work, inApi) => requireConfirmed(await planOf(action, serials, work, inApi), confirmed()),
    update: async (work, inApi, facts) => {
      const { nextUpdate, crlNumber } = readCrl(sentCrl(facts), 'the CRL')
      // Sign a new CRL if this one has expired while the run was interrupted.
      const isStale = nextUpdate !== null && nextUpdate <= work.clock()
      const isOvertaken = (crlNumber ?? 0n) <= numberOf(inApi, work)
      if ((isStale || isOvertaken) && !change.isTaken(inApi, {}))
        resigned = await signedCrl({ ...work, inApi }, reason, serials)
      return { caRevokeCrl: sentCrl(facts) }
    },
    isTaken: (inApi) => {
      const current = deviceCaSerials(inApi)
      const isDisabled = (serial: bigint) => inApi.disabledCaSerials.includes(serial.toString())
      if (action === 'revoke') return !serials.some((serial) => current.has(serial))
      return serials.every((serial) => current.has(serial) && isDisabled(serial) === (action === 'disable'))
    },
    finish: async (work, facts) => {
      const sent = readCrl(sentCrl(facts), 'the CRL')
      // The new CRL replaces the one in the Factory API, which fioctl may have sent.
      const remembered = (await work.directory.readState())?.revokedCaSerials ?? []
      const revoked = [...remembered, ...revokedBefore(work), ...revokedSerials(sent).map(String)]
      const others = work.inApi.disabledCaSerials.filter((serial) => !serials.map(String).includes(serial))
      const disabledCaSerials = action === 'disable' ? [...others, ...serials.map(String)] : others
      return {
        crlNumber: (sent.crlNumber ?? 0n).toString(),
        revokedCaSerials: [...new Set(revoked)],
        disabledCaSerials,
      }
    },
  }
  return { change, sentCrl }
}

/** The number of the CRL in the Factory API; another program may have sent one since ours was signed. */
function numberOf({ caRevokeCrl }: FactoryCertificates, { root }: ChangeWork): bigint {
  const crl = caRevokeCrl === null ? null : readCrl(caRevokeCrl, 'ca-revoke-crl')
  return crl !== null && isCrlOf(crl, root) ? (crl.crlNumber ?? 0n) : 0n
}

function revokedBefore({ inApi, root }: ChangeWork): readonly string[] {
  const crl = inApi.caRevokeCrl === null ? null : readCrl(inApi.caRevokeCrl, 'ca-revoke-crl')
  return crl !== null && isCrlOf(crl, root) ? revokedSerials(crl).map(String) : []
}

/** Another command may have changed the CAs since the confirmation. `confirmed` is null for a resumed run. */
function requireConfirmed({ dangers }: CaPlan, confirmed: readonly string[] | null): void {
  const unseen = dangers.find((danger) => confirmed !== null && !confirmed.includes(danger))
  if (unseen === undefined) return
  throw new FpkiError(
    'ERR_NOT_CONFIRMED',
    `The device CAs in the Factory API have changed since the confirmation. ${unseen}`,
    'Nothing was changed. Run the command again, and check what it will do.',
    { option: 'confirm' },
  )
}
