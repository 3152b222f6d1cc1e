import * as z from 'zod/mini'
import type { RegisterPorts } from '../../../devices/open.js'
import { migrateRegister } from '../../../devices/versions.js'
import { requirePkiDirectory } from '../../../directory/require.js'
import { jsonDocument } from '../../../json-document.js'
import { type RegisterChoice, registerPlace, storeName } from '../open-register.js'

/** What `fpki devices store init --json`, and migrate, print. */
export const migrateStoreResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** Where the register is, without a password. */
  store: z.string(),
  /** The version of its schema before; null: it was created. */
  before: z.nullable(z.number()),
  /** And now. */
  after: z.number(),
})

/** See {@link migrateStoreResult}. */
export type MigrateStoreResult = z.infer<typeof migrateStoreResult>

/**
 * Creates the device register of a PKI directory or kit, in a SQLite file or a PostgreSQL database, or brings it up to date.
 * Does nothing when it is there.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY, and as openDeviceRegister
 */
export function initStore(choice: RegisterChoice, ports: RegisterPorts): Promise<MigrateStoreResult> {
  return migrate(choice, true, ports)
}

/** Brings a device register up to date, as a newer fpki needs it. Throws as {@link initStore}, also when there is none. */
export function migrateStore(choice: RegisterChoice, ports: RegisterPorts): Promise<MigrateStoreResult> {
  return migrate(choice, false, ports)
}

async function migrate(choice: RegisterChoice, create: boolean, ports: RegisterPorts): Promise<MigrateStoreResult> {
  await requirePkiDirectory(ports.files, choice.directory)
  const place = registerPlace(choice)
  return { directory: choice.directory, store: storeName(place), ...(await migrateRegister(place, create, ports)) }
}
