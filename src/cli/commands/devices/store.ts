import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
import { thisMachine } from '../../../machine/index.js'
import { type CheckStoreResult, checkStore } from '../../../operations/devices/store/check-store.js'
import { copyStore } from '../../../operations/devices/store/copy-store.js'
import { initStore, type MigrateStoreResult, migrateStore } from '../../../operations/devices/store/migrate-store.js'
import { resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, printText, progressOn } from '../../output.js'
import { checkStoreWord, storeOf } from '../../store.js'
import { fieldLines } from '../../table.js'

type StoreFlags = CommonFlags & { readonly store?: string }

/** `fpki devices store init <directory>` */
export async function initStoreOf(directory: string, flags: StoreFlags, io: Io): Promise<void> {
  const choice = { directory: resolved(directory, io), store: storeOf(flags, io) }
  reportVersions(await initStore(choice, thisMachine(io.machine)), flags, io)
}

/** `fpki devices store migrate <directory>` */
export async function migrateStoreOf(directory: string, flags: StoreFlags, io: Io): Promise<void> {
  const choice = { directory: resolved(directory, io), store: storeOf(flags, io) }
  reportVersions(await migrateStore(choice, thisMachine(io.machine)), flags, io)
}

function reportVersions(result: MigrateStoreResult, flags: StoreFlags, io: Io): void {
  if (flags.json) printJson(io, result)
  else progressOn(io, flags).note(versionsText(result))
}

function versionsText({ store, before, after }: MigrateStoreResult): string {
  if (before === null) return `Created the device register ${store} (schema ${after}).`
  if (before === after) return `The device register ${store} is there, and up to date (schema ${after}).`
  return `Brought the device register ${store} from schema ${before} to ${after}.`
}

/** `fpki devices store check <directory>` */
export async function checkStoreOf(directory: string, flags: StoreFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const result = await checkStore({ directory: path, store: storeOf(flags, io) }, thisMachine(io.machine))
  if (flags.json) printJson(io, result)
  else printText(io, fieldLines(linesOf(result)))
  if (result.result === 'failure') io.outcome.status = EXIT_FOUND.broken
}

function linesOf({ checks }: CheckStoreResult): readonly (readonly [string, string])[] {
  return checks.map(({ check, status, message }) => [check, `${status === 'ok' ? '' : `${status}: `}${message}`])
}

/** `fpki devices store copy <directory>` */
export async function copyStoreOf(
  directory: string,
  flags: CommonFlags & { readonly from?: string; readonly to?: string },
  io: Io,
): Promise<void> {
  const { from = null, to = null } = flags
  checkStoreWord(from, '--from')
  checkStoreWord(to, '--to')
  const options = { directory: resolved(directory, io), factory: namedFactory(flags, io.env), from, to }
  const result = await copyStore(options, thisMachine(io.machine))
  if (flags.json) return printJson(io, result)
  const { note } = progressOn(io, flags)
  note(
    `Moved the device register to ${result.to}: ${counted(result.devices, 'device')}, ${counted(result.certificates, 'certificate')}.`,
  )
  note(`${result.from} is not used any more. It was not deleted.`)
  if (result.keptAs !== null) note(`The file that was there before is ${result.keptAs}.`)
}
