import type { Kysely } from 'kysely'
import { FpkiError } from '../errors.js'
import { defaultLineStays, lineExists, lineIsClosed, noSuchLine } from './line-errors.js'
import { DEFAULT_LINE, type Line, type LineSettings, type LineState, type LineStore } from './register.js'
import { lineOf } from './rows.js'
import type { Schema } from './schema.js'
import type { Transactions } from './transactions.js'

/** The name of a line is a word of shells, and a part of file names. */
export const LINE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/

/** The lines of a register in a SQL database. */
export function sqlLines(db: Kysely<Schema>, transactions: Transactions): LineStore {
  return {
    get: (name) => lineNamed(db, name),
    list: async () => {
      const lines = (await db.selectFrom('lines').selectAll().execute()).map(lineOf)
      // Databases have different orders of texts.
      return lines.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    create: async (name, settings, at) => {
      checkLineName(name)
      return transactions(async (transaction) => {
        const row = { name, state: 'open' as const, created_at: at, ...columnsOf(settings) }
        const insert = transaction
          .insertInto('lines')
          .values(row)
          .onConflict((conflict) => conflict.doNothing())
        if ((await insert.executeTakeFirst()).numInsertedOrUpdatedRows !== 1n) throw lineExists(name)
        return requireLine(transaction, name)
      })
    },
    change: (name, { state, ...settings }) =>
      transactions(async (transaction) => {
        // Changes nothing, and locks the row: it stays as it is read then.
        await transaction.updateTable('lines').set({ name }).where('name', '=', name).execute()
        const line = await requireLine(transaction, name)
        checkStates(line, state ?? line.state)
        const columns = { ...columnsOf({ ...line, ...settings }), state: state ?? line.state }
        await transaction.updateTable('lines').set(columns).where('name', '=', name).execute()
        return requireLine(transaction, name)
      }),
  }
}

/** Throws ERR_USAGE when a line, or a station, cannot have this name: 1 to 64 of `A-Z a-z 0-9 . _ -`, and neither `.` nor `-` first. */
export function checkLineName(name: string, what = 'a line'): void {
  if (LINE_NAME.test(name)) return
  throw new FpkiError(
    'ERR_USAGE',
    `Invalid name of ${what}: ${JSON.stringify(name.slice(0, 80))}.`,
    'Use 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-", and begin with a letter, a digit or "_".',
  )
}

function checkStates(line: Line, state: LineState): void {
  if (line.state === 'closed') throw lineIsClosed(line.name)
  if (state === 'closed' && line.name === DEFAULT_LINE) throw defaultLineStays()
}

async function lineNamed(db: Kysely<Schema>, name: string): Promise<Line | null> {
  const row = await db.selectFrom('lines').selectAll().where('name', '=', name).executeTakeFirst()
  return row === undefined ? null : lineOf(row)
}

/** The line with this name. Throws ERR_LINE when it does not exist. */
export async function requireLine(db: Kysely<Schema>, name: string): Promise<Line> {
  const line = await lineNamed(db, name)
  if (line === null) throw noSuchLine(name)
  return line
}

function columnsOf(settings: LineSettings) {
  const { ca, quota, perDay, from, until, hardwareIds, allowsProduction, group, reissueWindow } = settings
  return {
    ca,
    quota,
    per_day: perDay,
    valid_from: from,
    valid_until: until,
    hardware_ids: hardwareIds === null ? null : JSON.stringify(hardwareIds),
    allows_production: allowsProduction ? 1 : 0,
    device_group: group,
    reissue_window: reissueWindow,
  }
}
