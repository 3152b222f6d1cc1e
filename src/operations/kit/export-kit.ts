import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { openAuditLog } from '../../audit-log/audit-log.js'
import { remainingQuota } from '../../devices/line-limits.js'
import { copyDeviceRegister, openDeviceRegister, REGISTER_SUFFIXES } from '../../devices/open.js'
import type { DeviceRegister, Line } from '../../devices/register.js'
import { type KitRecord, kitRecord } from '../../directory/kit-record.js'
import { DEVICE_REGISTER, OWN_FOLDER } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Clock, DurableFiles, Progress, Random, Who } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { requireNewOrEmpty } from '../backup/place.js'
import { type DeviceIssuer, findDeviceIssuer } from '../devices/open-issuer.js'
import { openExistingRegister } from '../devices/open-register.js'
import { type OpenPki, openPkiOfRoot } from '../open-pki.js'
import { requireOutsidePki } from '../outside-pki.js'
import { EXPORT_KIT, isWholeKit, kitRecordAt, kitRecordPath, kitRecordText, readKitFiles } from './kit-files.js'
import { createKitLines, linesForKit, pauseLines } from './kit-lines.js'
import { finishMove, hasKeyOf, moveKey } from './move-key.js'

/** What `fpki ca export-kit --json` prints. */
export const exportKitResult = jsonDocument({
  /** The kit, absolute. */
  kit: z.string(),
  /** The PKI directory, absolute. */
  directory: z.string(),
  factory: z.string(),
  createdAt: z.string(),
  ca: kitRecord.shape.ca,
  key: kitRecord.shape.key,
  /** The key is in the kit only. */
  keyMoved: z.boolean(),
  /** Paused in the PKI directory from now on. */
  lines: kitRecord.shape.lines,
})

/** See {@link exportKitResult}. */
export type ExportKitResult = z.infer<typeof exportKitResult>

/** Options of `ca export-kit`. */
export interface ExportKitOptions {
  /** The PKI directory, absolute. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** The new or empty directory, absolute. */
  readonly kit: string
  /** The certificate file of the device CA, such as site-b.pem, with or without its suffix. */
  readonly ca: string
  /** The lines to give to the kit; null: all open lines of the CA. */
  readonly lines: readonly string[] | null
  /** Remove the key of the CA from the PKI directory. */
  readonly moveKey: boolean
  /** The device register of the PKI directory, as in {@link RegisterChoice}. */
  readonly store: string | null
}

/** Ports of `ca export-kit`. */
export interface ExportKitPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
  readonly who: () => Who
  readonly progress: Progress
}

/** What is exported. */
interface Export {
  readonly options: ExportKitOptions
  readonly pki: OpenPki
  readonly issuer: DeviceIssuer
  readonly register: DeviceRegister | null
}

/**
 * Exports one device CA with its lines as a kit: a directory in which `devices issue` works, without the root key. The kit
 * appears complete or not at all. Its lines are paused here before it appears, so that no quota counts twice. An interrupted
 * export is finished by the same call.
 *
 * @throws FpkiError as openPki, findDeviceIssuer and openDeviceRegister do; ERR_KIT, ERR_EXISTS, ERR_BAD_KEY, ERR_LOCKED,
 *   ERR_STORAGE; ERR_USAGE for lines that are not open, and for `moveKey` with a key in a token
 */
export async function exportKit(options: ExportKitOptions, ports: ExportKitPorts): Promise<ExportKitResult> {
  const { files, clock } = ports
  checkAbsolute(options.kit, 'kit')
  const pki = await openPkiOfRoot(files, options.directory, options.factory)
  await requireOutsidePki({ path: options.kit, what: 'a kit', directories: [options.directory] }, files)
  const issuer = await findDeviceIssuer(pki, { file: options.ca, bound: null }, clock())
  if (options.moveKey && issuer.key.kind === 'pkcs11') throw notMovable(issuer)
  await pki.directory.make()
  const lock = await pki.directory.lock()
  try {
    const moved = options.moveKey ? await finishMove(options.kit, { pki, issuer }, ports) : null
    if (moved !== null) return resultOf(moved, { options, pki })
    await requireNewOrEmpty(files, options.kit)
    return await exportNew(options, pki, issuer, ports)
  } finally {
    await lock.release()
  }
}

async function exportNew(
  options: ExportKitOptions,
  pki: OpenPki,
  issuer: DeviceIssuer,
  ports: ExportKitPorts,
): Promise<ExportKitResult> {
  const register = await openExistingRegister(options, ports)
  try {
    const record = await exportLines({ options, pki, issuer, register }, ports)
    if (options.moveKey) await moveKey({ pki, issuer }, ports)
    return resultOf(record, { options, pki })
  } finally {
    await register?.close()
  }
}

async function exportLines(work: Export, ports: ExportKitPorts): Promise<KitRecord> {
  const { options, pki, register } = work
  const { files } = ports
  const staging = stagingPath(options)
  // The folder above may be one where others write, and the name can be guessed.
  if ((await files.kindOf(staging)) !== null) await files.checkOwnDirectory(staging)
  const record = (await resumed(work, staging, files)) ?? (await stage(work, staging, ports))
  await pauseLines(register, record.lines)
  await openAuditLog(pki.directory, EXPORT_KIT, ports).logEvent(eventText(options.kit, record))
  await files.makeDirectory(dirname(options.kit))
  await files.move(staging, options.kit)
  return record
}

/** Fills the kit under a temporary name. Its record is written last. */
async function stage(work: Export, staging: string, ports: ExportKitPorts): Promise<KitRecord> {
  const { options, pki, issuer, register } = work
  const { files, clock, progress } = ports
  const now = clock()
  const names = options.lines
  const lines = await linesForKit(register, { issuer, names, directory: options.directory })
  const content = await readKitFiles({ pki, issuer, createdAt: rfc3339(now), who: ports.who() })
  progress.step('Writing the kit')
  await files.makeDirectory(dirname(options.kit))
  await files.removeTree(staging)
  await files.writeTree(staging, content.entries)
  await createRegister(staging, { lines, issuer, at: now.getTime() }, ports)
  const given = lines.map((line) => ({ name: line.name, quota: remainingQuota(line) }))
  const record = { ...content.record, lines: given }
  await files.create(kitRecordPath(staging), kitRecordText(record), 0o400)
  return record
}

async function createRegister(
  kit: string,
  { lines, issuer, at }: { readonly lines: readonly Line[]; readonly issuer: DeviceIssuer; readonly at: number },
  ports: ExportKitPorts,
): Promise<void> {
  // A copy is a single file, without the WAL of the original.
  const path = join(kit, OWN_FOLDER, DEVICE_REGISTER)
  const register = await openDeviceRegister({ path, create: true }, ports)
  try {
    await createKitLines(register, lines, issuer.fingerprint, at)
  } finally {
    await register.close()
  }
  await copyDeviceRegister({ path, to: join(kit, DEVICE_REGISTER) }, ports)
  for (const suffix of REGISTER_SUFFIXES) await ports.files.remove(`${path}${suffix}`)
}

/**
 * The record of a whole kit that an interrupted export left under its temporary name, and whose lines may be paused already;
 * null: none, or the key or the lines have changed since.
 */
async function resumed(
  { options, pki, issuer, register }: Export,
  staging: string,
  files: DurableFiles,
): Promise<KitRecord | null> {
  const record = await kitRecordAt(files, staging)
  if (record === null || record.ca.fingerprint !== issuer.fingerprint || !(await isWholeKit(files, staging, record)))
    return null
  if (!(await hasKeyOf({ pki, issuer }, staging, files))) return null
  const names = record.lines.map(({ name }) => name).sort()
  if (options.lines !== null && JSON.stringify([...new Set(options.lines)].sort()) !== JSON.stringify(names))
    return null
  for (const { name, quota } of record.lines) {
    const line = (await register?.lines.get(name)) ?? null
    if (line === null || line.state === 'closed' || remainingQuota(line) !== quota) return null
  }
  const open = options.lines === null ? await linesForKit(register, { issuer, names: null, directory: '' }) : []
  return open.every(({ name }) => names.includes(name)) ? record : null
}

/** Of this PKI directory only: others may export to the same folder at the same time. */
function stagingPath({ kit, directory }: ExportKitOptions): string {
  return join(dirname(kit), `.fpki-kit-${basename(kit)}-${sha256(directory).slice(0, 16)}`)
}

function eventText(kit: string, { ca, lines }: KitRecord): string {
  const given = lines.map(({ name, quota }) => `${name} (${quota ?? 'any number of'} devices)`)
  const paused = lines.length === 0 ? 'without lines' : `with the lines ${given.join(', ')}, which are paused here`
  return `Exported the kit ${kit} for ${ca.file} ${paused}.`
}

function resultOf(
  { factory, createdAt, ca, key, lines }: KitRecord,
  { options, pki }: Pick<Export, 'options' | 'pki'>,
): ExportKitResult {
  const { kit, moveKey: keyMoved } = options
  return { kit, directory: pki.directory.path, factory, createdAt, ca, key, keyMoved, lines }
}

function notMovable({ file }: DeviceIssuer): FpkiError {
  const hint = 'Nothing was exported. Bring the token to the plant, and do not ask to move the key.'
  const text = `The key of ${file} is in a token, and does not leave it.`
  return new FpkiError('ERR_USAGE', text, hint, { option: 'moveKey' })
}
