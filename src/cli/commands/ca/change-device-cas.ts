import {
  type ChangeDeviceCasPorts,
  type ChangeDeviceCasResult,
  changeDeviceCas,
} from '../../../operations/device-cas/change-device-cas.js'
import { CA_ACTIONS, type CaAction, type CaPlan } from '../../../operations/device-cas/device-ca-plan.js'
import { decimalToHex, serialToHex } from '../../../serial-hex.js'
import { type ChangeFlags, changeScene } from '../../change.js'
import { type ConfirmFlags, confirm, type Question } from '../../confirm.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

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
    { ...ports, confirm: (_, plan, devices) => confirm(questionOf(action, plan, devices, flags), flags, io) },
  )
  if (flags.json) return printJson(io, changed)
  if (flags.dryRun && changed.crl !== null)
    return flags.pretty ? printText(io, crlAsText(changed.crl)) : io.stdout(changed.crl.pem)
  if (!changed.changed) progressOn(io, flags).note(nothingToDo(changed))
  else if (!flags.quiet) printText(io, summary(changed))
}

/** The effect on the devices of a CA. */
const EFFECTS: Readonly<Record<CaAction, string>> = {
  revoke: 'the gateway refuses its devices permanently; this is irreversible',
  disable: 'the gateway refuses its devices until it is enabled again',
  enable: 'the gateway accepts its devices again',
}

function questionOf(
  action: CaAction,
  { cas, dangers }: CaPlan,
  devices: Parameters<ChangeDeviceCasPorts['confirm']>[2],
  { dryRun }: DeviceCasFlags,
): Question {
  const summary = cas.flatMap(({ certificate, role, file }) => {
    const name = file === null ? role : `${role} (${file})`
    const count = devices.get(certificate.serialNumber.toString())
    return [
      `${action} ${name}, serial ${serialToHex(certificate.serialNumber)}: ${EFFECTS[action]}.`,
      ...(count === undefined ? [] : [devicesText(action, name, count)]),
    ]
  })
  const question = `${action.charAt(0).toUpperCase()}${action.slice(1)} ${cas.length === 1 ? 'it' : 'them'}?`
  // Revocation is irreversible, so a terminal always asks.
  return { summary, dangers, question, ask: dryRun ? 'never' : action === 'revoke' ? 'always' : 'dangers' }
}

/** Only those that the register knows of: other tools may have issued more with the same key. */
function devicesText(
  action: CaAction,
  name: string,
  { devices, production }: { readonly devices: number; readonly production: number },
): string {
  const ends = action === 'enable' ? 'work again' : 'stop working'
  return `${devices} ${devices === 1 ? 'device' : 'devices'} of ${name} in the device register will ${ends}, ${production} of them in production.`
}

function nothingToDo({ action, deviceCas }: ChangeDeviceCasResult): string {
  const which = deviceCas.map(({ serial }) => decimalToHex(serial)).join(', ')
  return `Already ${CA_ACTIONS[action].done}: ${which}. Nothing was changed.`
}

function summary({ factory, action, deviceCas, crl }: ChangeDeviceCasResult): string {
  const lines = deviceCas.map(
    ({ serial, subject, file }) =>
      `${capital(CA_ACTIONS[action].done)}: ${file ?? subject}, serial ${decimalToHex(serial)}`,
  )
  return `${[...lines, `Sent CRL number ${crl?.crlNumber} to the Factory API for the factory ${factory}.`].map(printable).join('\n')}\n`
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

function crlAsText({
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
    ...entries.flatMap(({ serialHex, revocationDate, reason }): (readonly [string, string])[] => [
      ['Serial', serialHex],
      ['', `${reason}, ${revocationDate}`],
    ]),
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(14)}${printable(value)}`).join('\n')}\n`
}
