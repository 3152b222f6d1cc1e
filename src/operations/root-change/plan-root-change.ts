import * as z from 'zod/mini'
import { DAY } from '../../day.js'
import type { RegisterPorts } from '../../devices/open.js'
import { ALL_DEVICES } from '../../devices/register.js'
import { readableCertificates } from '../../directory/certificate-files.js'
import { isCertificateFile, isCrossCertificate } from '../../directory/names.js'
import { roleOfFile } from '../../directory/pki-files.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { checkClock } from '../../pki/clock.js'
import { certificateRole, rfc3339 } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { isIssuedBy } from '../../pki/read-certificate.js'
import { shellWord } from '../../shell-word.js'
import { remedyHint } from '../certificate-roles.js'
import { openRegisterToRead, type RegisterChoice } from '../devices/open-register.js'
import { type OpenPki, openPkiOfRoot } from '../open-pki.js'
import { type PlannedStep, plannedSteps, rootChangeStep } from './root-change-steps.js'

/** What `fpki ca plan-root-change --json` prints. */
export const planRootChangeResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** What to know before anything else. */
  notice: z.string(),
  root: z.strictObject({
    /** SHA-256 of the DER. */
    fingerprint: z.string(),
    notAfter: z.string(),
  }),
  /** Devices in the device register, which knows only those that fpki has issued; null: there is no register. */
  devices: z.nullable(z.int()),
  /** The last day on which the change can start and be complete before the root ends. */
  latestStart: z.string(),
  /** The change starts after that day. */
  late: z.boolean(),
  steps: z.array(rootChangeStep),
  /** Certificates that end before the change is complete, the earliest first. */
  endingBefore: z.array(
    z.strictObject({ file: z.string(), role: certificateRole, notAfter: z.string(), hint: z.string() }),
  ),
})

/** See {@link planRootChangeResult}. */
export type PlanRootChangeResult = z.infer<typeof planRootChangeResult>

/** Options of `ca plan-root-change`. */
export interface PlanRootChangeOptions extends RegisterChoice {
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** When the change starts; null: today. */
  readonly start: Date | null
  /** How many days all devices need for an update. */
  readonly rolloutDays: number
  /** How many days all devices then need to renew their certificates. */
  readonly renewalDays: number
}

/** The first line of every plan. */
function noticeFor(directory: string): string {
  return (
    'The Factory API of Foundries sets the root of a factory once and does not change it: there, a new root needs a new factory. ' +
    `To keep the key of a root that expires, use \`fpki ca renew-root ${shellWord(directory)}\` instead.`
  )
}

/**
 * Plans the change to a new root: what must be signed, shipped and awaited, and when. Reads the certificates and the device register of
 * the directory, and changes nothing.
 *
 * @throws FpkiError as openPkiOfRoot; ERR_USAGE when the change would end after the year 9999; ERR_CLOCK; ERR_BAD_FILE when the device register cannot be read
 */
export async function planRootChange(
  options: PlanRootChangeOptions,
  ports: RegisterPorts,
): Promise<PlanRootChangeResult> {
  // Only whoever has the root key can follow the plan.
  const pki = await openPkiOfRoot(ports.files, options.directory, options.factory)
  const now = ports.clock()
  checkClock(now)
  const { directory, root, factory } = pki
  const start = dayOf(options.start ?? now)
  const latestStart = dayOf(new Date(root.notAfter.getTime() - (options.rolloutDays + options.renewalDays) * DAY))
  const devices = await devicesIn({ directory: directory.path, store: options.store }, ports)
  const steps = plannedSteps({ ...options, start, directory: directory.path, devices })
  const end = steps.at(-1)?.until ?? rfc3339(start)
  if (!/^\d{4}-/.test(end)) throw tooFarAway()
  return {
    factory,
    directory: directory.path,
    notice: noticeFor(directory.path),
    root: { fingerprint: fingerprintOf(root.der), notAfter: rfc3339(root.notAfter) },
    devices,
    latestStart: rfc3339(latestStart),
    late: start > latestStart,
    steps: [...steps],
    endingBefore: await endingBefore(pki, end),
  }
}

function tooFarAway(): FpkiError {
  const hint = 'Pass an earlier start.'
  return new FpkiError('ERR_USAGE', 'The change would end after the year 9999.', hint, { option: 'start' })
}

/** The day, at 00:00 UTC. */
function dayOf(time: Date): Date {
  return new Date(Math.floor(time.getTime() / DAY) * DAY)
}

async function devicesIn(choice: RegisterChoice, ports: RegisterPorts): Promise<number | null> {
  const register = await openRegisterToRead(choice, ports)
  try {
    return register === null ? null : (await register.count(ALL_DEVICES)).devices
  } finally {
    await register?.close()
  }
}

async function endingBefore(
  { directory, root }: OpenPki,
  end: PlannedStep['until'],
): Promise<PlanRootChangeResult['endingBefore']> {
  const files = await readableCertificates(directory, (name) => isCertificateFile(name) && !isCrossCertificate(name))
  return files
    .filter(({ certificate }) => isIssuedBy(certificate, root) && rfc3339(certificate.notAfter) < end)
    .sort((a, b) => a.certificate.notAfter.getTime() - b.certificate.notAfter.getTime())
    .map(({ file, certificate }) => {
      const role = roleOfFile(file)
      return { file, role, notAfter: rfc3339(certificate.notAfter), hint: remedyHint(role, directory.path) }
    })
}
