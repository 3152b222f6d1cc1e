import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type RenewRootPlan,
  type RenewRootResult,
  renewRoot as renewRootCertificate,
} from '../../../operations/root-change/renew-root.js'
import { type ConfirmFlags, confirm, type Question } from '../../confirm.js'
import { resolved } from '../../directory.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `ca renew-root`. */
export interface RenewRootFlags extends CommonFlags, HsmFlags, ConfirmFlags {
  readonly dryRun?: true
}

/** `fpki ca renew-root <directory>` */
export async function renewRoot(directory: string, flags: RenewRootFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const dryRun = flags.dryRun === true
  const renewed = await renewRootCertificate(
    { directory: resolved(directory, io), factory: namedFactory(flags, io.env), dryRun },
    {
      ...thisMachine(io.machine),
      progress,
      signal: io.signal,
      access: await keyAccess(flags, io, progress),
      confirm: (plan) => confirm(questionOf(plan, dryRun), flags, io),
    },
  )
  if (flags.json) printJson(io, renewed)
  else if (!flags.quiet) printText(io, summary(renewed))
}

/** Devices and the Factory API do not notice a renewal, so a user must know it before. */
const DANGER =
  'The Factory API of Foundries sets a root once and keeps the earlier certificate, and devices trust the earlier one until an ' +
  'update gives them the new one: on those, everything still ends with the earlier certificate.'

function questionOf({ factory, directory, earlier, notAfter }: RenewRootPlan, dryRun: boolean): Question {
  return {
    summary: [
      `renew the root certificate of the factory ${printable(factory)} in ${printable(directory)}: the same key and subject, valid until ${notAfter} instead of ${earlier.notAfter}.`,
    ],
    dangers: [DANGER],
    question: 'Renew it?',
    ask: dryRun ? 'never' : 'always',
  }
}

function summary({ factory, directory, certificate, keptAs, notAfter }: RenewRootResult): string {
  const lines =
    certificate === null
      ? [`Nothing was signed: a new root certificate of the factory ${factory} would be valid until ${notAfter}`]
      : [
          `Renewed the root certificate of the factory ${factory}, valid until ${notAfter}`,
          `  serial ${certificate.serialHex}`,
          `  in ${directory}/factory_ca.pem${keptAs === null ? '' : `; the previous one is kept as ${keptAs}`}`,
          'Existing certificates verify with either. Give the new one to devices with an update.',
        ]
  return `${lines.map(printable).join('\n')}\n`
}
