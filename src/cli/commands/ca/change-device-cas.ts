import { type ChangeDeviceCasResult, changeDeviceCas } from '../../../operations/device-cas/change-device-cas.js'
import { CA_ACTIONS, type CaAction, type CaPlan } from '../../../operations/device-cas/device-ca-plan.js'
import { type ChangeFlags, changeScene } from '../../change.js'
import { type ConfirmFlags, confirm, type Question } from '../../confirm.js'
import { type Io, printable, printJson, progressOn } from '../../output.js'

/** The flags of `ca revoke-device-ca`, `ca disable-device-ca` and `ca enable-device-ca`. */
export interface DeviceCasFlags extends ChangeFlags, ConfirmFlags {
  readonly caFile?: readonly string[]
  readonly caSerial?: readonly string[]
  readonly dryRun?: true
  readonly pretty?: true
}

/** `fpki ca revoke-device-ca <directory>`, and disable and enable */
export async function changeCas(action: CaAction, directory: string, flags: DeviceCasFlags, io: Io): Promise<void> {
  const { where, ports } = await changeScene(directory, flags, io)
  const options = { ...where, action, caFiles: flags.caFile ?? [], caSerials: flags.caSerial ?? [] }
  const changed = await changeDeviceCas(
    { ...options, dryRun: flags.dryRun === true },
    { ...ports, confirm: (_, plan) => confirm(questionOf(action, plan, flags), flags, io) },
  )
  if (flags.json) return printJson(io, changed)
  if (flags.dryRun && changed.crl !== null) return io.stdout(flags.pretty ? words(changed.crl) : changed.crl.pem)
  if (!changed.changed) progressOn(io, flags).note(nothingToDo(changed))
  else if (!flags.quiet) io.stdout(summary(changed))
}

/** What happens to the devices of a CA. */
const EFFECTS: Readonly<Record<CaAction, string>> = {
  revoke: 'devices with its certificates are refused for good; this cannot be undone',
  disable: 'devices with its certificates are refused until it is enabled again',
  enable: 'devices with its certificates are accepted again',
}

function questionOf(action: CaAction, { cas, dangers }: CaPlan, { dryRun }: DeviceCasFlags): Question {
  const summary = cas.map(({ certificate, role, file }) => {
    const name = file === null ? role : `${role} (${file})`
    return `${action} ${name}, serial ${certificate.serialNumber}: ${EFFECTS[action]}.`
  })
  const question = `${action.charAt(0).toUpperCase()}${action.slice(1)} ${cas.length === 1 ? 'it' : 'them'}?`
  // What cannot be undone is always asked for.
  return { summary, dangers, question, ask: dryRun ? 'never' : action === 'revoke' ? 'always' : 'dangers' }
}

function nothingToDo({ action, deviceCas }: ChangeDeviceCasResult): string {
  const which = deviceCas.map(({ serial }) => serial).join(', ')
  return `${which}: ${CA_ACTIONS[action].done} already; nothing was changed.`
}

function summary({ factory, action, deviceCas, crl }: ChangeDeviceCasResult): string {
  const lines = deviceCas.map(
    ({ serial, subject, file }) => `${capital(CA_ACTIONS[action].done)}: ${file ?? subject}, serial ${serial}`,
  )
  return `${[...lines, `The factory ${factory} knows it, by the CRL number ${crl?.crlNumber}.`].map(printable).join('\n')}\n`
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** A CRL in words. */
function words({
  issuer,
  crlNumber,
  thisUpdate,
  nextUpdate,
  entries,
}: NonNullable<ChangeDeviceCasResult['crl']>): string {
  const rows: readonly (readonly [string, string])[] = [
    ['Issuer', issuer],
    ['CRL number', crlNumber ?? ''],
    ['This update', thisUpdate],
    ['Next update', nextUpdate ?? ''],
    ...entries.flatMap(({ serial, serialHex, revocationDate, reason }): (readonly [string, string])[] => [
      ['Serial', serial],
      ['', serialHex],
      ['', `${reason}, ${revocationDate}`],
    ]),
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(14)}${printable(value)}`).join('\n')}\n`
}
