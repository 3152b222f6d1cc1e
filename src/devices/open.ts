import { basename, dirname, join } from 'node:path'
import { FpkiError } from '../errors.js'
import type { Clock, DurableFiles, Random } from '../ports.js'
import { shellWord } from '../shell-word.js'
import { checkAbsolute } from '../storage/absolute-path.js'
import { UNFINISHED } from '../storage/folders.js'
import { sqliteDamage } from './inspection.js'
import { newRegister, SCHEMA } from './migrations.js'
import { requireInUse } from './moved.js'
import type { DeviceRegister } from './register.js'
import { type RegisterOwner, requireSameRoot } from './same-root.js'
import { sqlRegister } from './sql-register.js'
import { connect, SQLITE, type SqliteConnection } from './sqlite.js'
import { checkSchema, migrate } from './sqlite-schema.js'

/** What opening a register needs. */
export interface RegisterPorts {
  readonly files: DurableFiles
  readonly random: Random
  readonly clock: Clock
}

/** Which register, and what for. */
export type RegisterOptions = SqliteOptions | PostgresOptions

/** A register in a SQLite database. */
export interface SqliteOptions extends RegisterOwner {
  /** Absolute. */
  readonly path: string
  /** Whether to create it when it is missing, to bring it up to date, and to write; otherwise it is only looked at. */
  readonly create: boolean
}

/** A register in a PostgreSQL database, in which initPostgresRegister has created the tables. */
interface PostgresOptions extends RegisterOwner {
  /** `postgres://user@host:port/database?…` */
  readonly url: string
  /** Whether to write; otherwise it is only looked at. */
  readonly write: boolean
}

/** SQLite has further files beside a database. None of them is complete alone, and what is in each would be believed. */
export const REGISTER_SUFFIXES = ['', '-wal', '-shm', '-journal'] as const

/**
 * Opens a device register.
 *
 * @throws FpkiError ERR_BAD_FILE when it is missing, is not a register, or is newer than this fpki (or older, to look at);
 *   ERR_PERMISSIONS when others could have written it; ERR_OTHER_ROOT when it belongs to another root; ERR_LOCKED, ERR_STORAGE; of a PostgreSQL database also ERR_USAGE for
 *   the URL, ERR_NOT_INITIALIZED without tables, ERR_STORE_AWAY when the server does not answer, and ERR_STORE_LOGIN when it
 *   rejects the user or is not trusted
 */
export async function openDeviceRegister(options: RegisterOptions, ports: RegisterPorts): Promise<DeviceRegister> {
  if ('path' in options) return openSqlite(options, ports)
  // Loaded when it is needed.
  const [{ postgresPlace }, { openPostgresRegister }] = await Promise.all([
    import('./postgres-place.js'),
    import('./open-postgres.js'),
  ])
  const { url, write, ...owner } = options
  return openPostgresRegister(await postgresPlace(url, ports.files), { access: write ? 'write' : 'read', ...owner })
}

async function openSqlite(options: SqliteOptions, ports: RegisterPorts): Promise<DeviceRegister> {
  const { connection } = await openSqliteTables(options, ports)
  try {
    await requireInUse(connection.db)
    await requireSameRoot(connection.db, options)
  } catch (error) {
    await connection.close()
    throw error
  }
  const damage = () => sqliteDamage(connection.db)
  return sqlRegister(connection.db, SQLITE, { close: connection.close, damage, owner: options })
}

/**
 * Connects to the database of a register, whether or not it is in use. Throws as {@link openDeviceRegister}. `version` is that
 * of its schema before it was brought up to date.
 */
export async function openSqliteTables(
  { path, create, directory }: SqliteOptions,
  ports: RegisterPorts,
): Promise<{ readonly connection: SqliteConnection; readonly version: number }> {
  checkAbsolute(path, 'path of the device register')
  if (create && (await ports.files.kindOf(path)) === null) await createRegister(path, ports)
  const file = await checkedFile(path, ports.files, directory)
  const connection = create ? await connect(file, 'write') : await connectToRead(file, ports.files)
  try {
    const version = await checkSchema(file, connection)
    if (version < SCHEMA && !create) throw isOlder(path, version, directory)
    if (create) {
      connection.exec('pragma journal_mode = wal')
      await migrate(connection, newRegister(ports))
    }
    return { connection, version }
  } catch (error) {
    await connection.close()
    throw error
  }
}

/** Made under another name, so that nobody ever sees half a register, and two processes cannot both make one. */
async function createRegister(path: string, ports: RegisterPorts): Promise<void> {
  const { files, random } = ports
  const made = join(dirname(path), `.${basename(path)}.${Buffer.from(random.bytes(8)).toString('hex')}${UNFINISHED}`)
  await files.create(made, '', 0o600)
  try {
    const connection = await connect(made, 'write')
    try {
      await migrate(connection, newRegister(ports))
    } finally {
      await connection.close()
    }
    await files.place(made, path)
  } catch (error) {
    await files.remove(made).catch(() => undefined)
    // Another process was first: its register is as good.
    if (!(error instanceof FpkiError && error.code === 'ERR_EXISTS')) throw error
  }
}

/**
 * Writes a consistent copy of a register to a new file, while other processes may go on writing. The copy is durable.
 *
 * @throws FpkiError ERR_EXISTS when there is a file at `to`, and like {@link openDeviceRegister}
 */
export async function copyDeviceRegister(
  { path, to }: { readonly path: string; readonly to: string },
  { files }: Pick<RegisterPorts, 'files'>,
): Promise<void> {
  checkAbsolute(path, 'path of the device register')
  checkAbsolute(to, 'path of the copy')
  const file = await checkedFile(path, files)
  const connection = await connectToRead(file, files)
  try {
    await checkSchema(file, connection)
    await files.create(to, '', 0o600)
    // SQLite fills an empty file, whose mode is set, and syncs it.
    connection.exec('pragma query_only = off')
    await removeOnError(files, to, () => connection.exec(`vacuum into '${to.replaceAll("'", "''")}'`))
  } finally {
    await connection.close()
  }
}

async function removeOnError(files: DurableFiles, path: string, work: () => void): Promise<void> {
  try {
    work()
  } catch (error) {
    await files.remove(path).catch(() => undefined)
    throw error
  }
}

/** The path without symbolic links, beside which SQLite has its other files. */
async function checkedFile(path: string, files: DurableFiles, directory?: string): Promise<string> {
  const file = await files.realPath(path)
  if (file === null) {
    const hint = `Issuing the first devices creates it${directory === undefined ? '' : `: ${issueCommand(path, directory)}`}.`
    throw new FpkiError('ERR_BAD_FILE', `There is no device register at ${shellWord(path)}.`, hint)
  }
  if ((await files.kindOf(file)) !== 'file')
    throw new FpkiError(
      'ERR_BAD_FILE',
      `The device register ${shellWord(path)} is not a regular file.`,
      'Check the path.',
    )
  for (const suffix of REGISTER_SUFFIXES) await files.checkOwnFile(`${file}${suffix}`)
  return file
}

/** To read, SQLite needs to write a lock beside the file. On a read-only file system nobody else can write either. */
async function connectToRead(file: string, files: DurableFiles): Promise<SqliteConnection> {
  const connection = await connect(file, 'read')
  try {
    connection.get('select count(*) from sqlite_schema')
    return connection
  } catch (error) {
    await connection.close()
    const isStorage = error instanceof FpkiError && error.code === 'ERR_STORAGE'
    const wal = await files.status(`${file}-wal`)
    if (!isStorage || wal !== null) throw error
    return await connect(file, 'immutable')
  }
}

function issueCommand(path: string, directory: string): string {
  const store = dirname(path) === directory ? '' : ` --store ${shellWord(`sqlite:${path}`)}`
  return `\`fpki devices issue ${shellWord(directory)} --from REQUESTS${store}\``
}

function isOlder(path: string, version: number, directory?: string): FpkiError {
  const such = directory === undefined ? '' : `, such as ${issueCommand(path, directory)}`
  return new FpkiError(
    'ERR_BAD_FILE',
    `The device register ${shellWord(path)} was written by an older fpki (schema ${version}; this one has ${SCHEMA}).`,
    `Nothing was changed. The next command that writes to it brings it up to date${such}.`,
  )
}
