import { expect } from 'vitest'
import { addDeviceCa } from '../../src/operations/device-cas/add-device-ca.js'
import { changeDeviceCas } from '../../src/operations/device-cas/change-device-cas.js'
import { authorizeEst, rotateTls } from '../../src/operations/servers/certify-server.js'
import { createOn, DIRECTORY, type Disturbance, machineOn, STATE } from './create-scene.js'
import { foldJournal, journalPath } from './journal.js'
import { type MemoryDisk, memoryDisk } from './memory-disk.js'

const WHERE = { directory: DIRECTORY, factory: 'acme' }

/** Runs a command that changes the PKI of acme. */
export type RunChange = (disk: MemoryDisk, disturbance?: Disturbance) => Promise<unknown>

/** The commands that change a PKI, as somebody would give them. */
export const CHANGES: Readonly<Record<string, RunChange>> = {
  'ca rotate-tls': (disk, disturbance) => rotateTls({ ...WHERE, tlsNames: [] }, machineOn(disk, disturbance)),
  'est authorize': (disk, disturbance) => authorizeEst({ ...WHERE, tlsNames: [] }, machineOn(disk, disturbance)),
  'ca add-device-ca': (disk, disturbance) =>
    addDeviceCa(
      { ...WHERE, onlineCa: true, localCa: true, localCaFilename: 'site-b.pem' },
      machineOn(disk, disturbance),
    ),
  'ca revoke-device-ca': (disk, disturbance) => changeLocalCa('revoke', disk, disturbance),
  'ca disable-device-ca': (disk, disturbance) => changeLocalCa('disable', disk, disturbance),
}

function changeLocalCa(action: 'revoke' | 'disable', disk: MemoryDisk, disturbance?: Disturbance): Promise<unknown> {
  const options = { ...WHERE, action, caFiles: ['local-ca.pem'], caSerials: [], dryRun: false }
  return changeDeviceCas(options, { ...machineOn(disk, disturbance), confirm: async () => undefined })
}

/** A disk with the PKI of acme as `ca create` makes it. */
export async function diskWithPki(): Promise<MemoryDisk> {
  const disk = memoryDisk()
  await createOn(disk)
  return disk
}

function textOf(disk: MemoryDisk, path: string): string {
  return disk.contents().get(path)?.text ?? '{}'
}

/** The journal of the PKI directory, as its file has it. */
export function journalOn(disk: MemoryDisk): string {
  return textOf(disk, journalPath(DIRECTORY))
}

/** Has `command` come to its very end? */
export function isFinished(disk: MemoryDisk, command: string): boolean {
  if (!disk.contents().has(journalPath(DIRECTORY))) return false
  const journal = foldJournal(journalOn(disk))
  return journal.command === command && journal.finishedAt !== null
}

/** What the embedded API tells its callers, as its file has it. */
export function knownOn(disk: MemoryDisk): string {
  return JSON.stringify(JSON.parse(textOf(disk, `${STATE}/factories/acme/factory.json`)).certificates)
}

/** The files of the PKI proper, with mode and text. */
export function liveFiles(disk: MemoryDisk): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [...disk.contents()].filter(([path]) => path.startsWith(`${DIRECTORY}/`) && !path.includes('/.fpki')),
  )
}

/** The paths of what waits to be published. */
export function pendingOn(disk: MemoryDisk): readonly string[] {
  return [...disk.contents().keys()].filter((path) => path.startsWith(`${DIRECTORY}/.fpki/pending/`))
}

/** The text of each key and certificate in any file, that of fpki's pending folder too; no half-written ones. */
export function allPem(disk: MemoryDisk): ReadonlySet<string> {
  const texts = [...disk.contents()].flatMap(([path, { text }]) =>
    text?.startsWith('-----BEGIN') && !path.endsWith('.fpki-unfinished') ? [text] : [],
  )
  return new Set(texts)
}

/** What was in some file of a disk still is. */
export function expectKept(before: ReadonlySet<string>, disk: MemoryDisk, point: string): void {
  const now = allPem(disk)
  expect(
    [...before].filter((text) => !now.has(text)),
    point,
  ).toEqual([])
}
