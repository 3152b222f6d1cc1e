import * as z from 'zod/mini'
import type { AuditLogPorts } from '../../../audit-log/audit-log.js'
import { moveRegister } from '../../../devices/copy-register.js'
import { movedTo, UNFINISHED_COPY } from '../../../devices/moved.js'
import { openDeviceRegister, openSqliteTables, REGISTER_SUFFIXES, type RegisterPorts } from '../../../devices/open.js'
import { postgresPlace } from '../../../devices/postgres-place.js'
import { postgresTables, sqliteTables, type TableStore } from '../../../devices/table-store.js'
import { FpkiError } from '../../../errors.js'
import { jsonDocument } from '../../../json-document.js'
import { type OpenPki, openPki } from '../../open-pki.js'
import { noRegister, openToWrite, ownerOf, type RegisterPlace, registerPlace, storeName } from '../open-register.js'
import { recordRegisterHead } from '../record-head.js'

/** What `fpki devices store copy --json` prints. */
export const copyStoreResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** Where the register was, and is now, without passwords. */
  from: z.string(),
  to: z.string(),
  devices: z.number(),
  certificates: z.number(),
  /** Where the file went that was at the place of the copy: a register that was moved before; null: there was none. */
  keptAs: z.nullable(z.string()),
})

/** See {@link copyStoreResult}. */
export type CopyStoreResult = z.infer<typeof copyStoreResult>

/** What {@link copyStore} does. */
export interface CopyStoreOptions {
  /** Absolute. */
  readonly directory: string
  /** null: of the records of the directory. */
  readonly factory: string | null
  /** Where the register is, and where it goes; null: devices.sqlite in the directory. */
  readonly from: string | null
  readonly to: string | null
}

/**
 * Moves the device register of a PKI directory or kit to another place, with all that is in it, and compares both. From then
 * on only the copy is in use: the original refuses. Nothing is deleted. If it is interrupted, doing it again ends it.
 *
 * @throws FpkiError ERR_USAGE for one place twice; ERR_NOT_INITIALIZED without a register; ERR_EXISTS when there is another
 *   one at the new place; ERR_STORE_MOVED when it was moved already; and as openPki and openDeviceRegister
 */
export async function copyStore(
  { directory, factory, ...stores }: CopyStoreOptions,
  ports: RegisterPorts & AuditLogPorts,
): Promise<CopyStoreResult> {
  const pki = await openPki(ports.files, directory, factory)
  const [from, to] = [registerPlace({ directory, store: stores.from }), registerPlace({ directory, store: stores.to })]
  if (storeName(from) === storeName(to)) throw samePlace()
  if ('path' in from && (await ports.files.kindOf(from.path)) === null)
    await noRegister({ directory, store: stores.from }, ports)
  const source = await tablesAt(from, false, ports)
  try {
    const keptAs = 'path' in to ? await keepRetired(to.path, ports) : null
    const target = await tablesAt(to, true, ports)
    try {
      const { devices = 0, certificates = 0 } = await moveRegister(source, target)
      await recordMove(pki, to, ports)
      return { directory, from: source.name, to: target.name, devices, certificates, keptAs }
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function recordMove(
  { directory }: OpenPki,
  to: RegisterPlace,
  ports: RegisterPorts & AuditLogPorts,
): Promise<void> {
  const owner = await ownerOf({ directory: directory.path, store: null }, ports)
  const register = await openDeviceRegister({ ...openToWrite(to), ...owner }, ports)
  try {
    const text = `the device register was moved to ${storeName(to)}`
    await recordRegisterHead(directory, 'devices store copy', ports, { register, store: storeName(to) }, text)
  } finally {
    await register.close()
  }
}

async function tablesAt(place: RegisterPlace, create: boolean, ports: RegisterPorts): Promise<TableStore> {
  if ('path' in place) return sqliteTables(place.path, ports)
  return postgresTables(await postgresPlace(place.url, ports.files), { create }, ports)
}

/** A register that was moved away from a file leaves it under another name. Resolves to that; null: there was no such register. */
async function keepRetired(path: string, ports: RegisterPorts): Promise<string | null> {
  const { files, clock } = ports
  if ((await files.kindOf(path)) === null) return null
  if (!(await isRetired(path, ports))) return null
  const kept = `${path}.moved-${clock().toISOString().replace(/\D/g, '')}`
  for (const suffix of REGISTER_SUFFIXES)
    if ((await files.kindOf(`${path}${suffix}`)) !== null) await files.place(`${path}${suffix}`, `${kept}${suffix}`)
  return kept
}

async function isRetired(path: string, ports: RegisterPorts): Promise<boolean> {
  const { connection } = await openSqliteTables({ path, create: true }, ports)
  try {
    const place = await movedTo(connection.db)
    return place !== null && place !== UNFINISHED_COPY
  } finally {
    await connection.close()
  }
}

function samePlace(): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    'The device register would be copied to where it is.',
    'Give another place, such as postgres://user@host:5432/database.',
    { option: 'to' },
  )
}
