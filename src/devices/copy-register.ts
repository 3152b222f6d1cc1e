import type { Kysely } from 'kysely'
import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'
import { movedTo, requireInUse, UNFINISHED_COPY } from './moved.js'
import { integer } from './rows.js'
import type { Schema } from './schema.js'
import { insertRows, RowDigest, tablePages } from './table-rows.js'
import { type TableShape, tableShapes } from './table-shapes.js'
import type { TableStore } from './table-store.js'

/**
 * Moves a register to another place: copies all rows, compares both, and retires the original, which refuses to be used from
 * then on. Resolves to the number of rows of each table.
 *
 * At no moment are both in use: the copy is marked as unfinished until the original has been retired. After an interruption,
 * doing it again ends it.
 *
 * @throws FpkiError ERR_EXISTS when the target has devices, or was a register; ERR_STORE_MOVED when the original is retired;
 *   ERR_STORAGE when the copy differs
 */
export async function moveRegister(from: TableStore, to: TableStore): Promise<Readonly<Record<string, number>>> {
  const shapes = await tableShapes()
  const counts = await from.transactions(async (source) => {
    await from.lock(source, shapes)
    if ((await movedTo(source)) === to.name && (await isUnfinishedCopy(to.db, source))) return countsOf(to, shapes)
    await requireInUse(source, moveItFrom)
    const copied = await to.transactions(async (target) => {
      await to.lock(target, shapes)
      await requireReplaceable(to.name, target, source)
      return copyRows(source, target, to, shapes)
    })
    await source.updateTable('register').set({ moved_to: to.name }).execute()
    return copied
  })
  await to.transactions((target) => target.updateTable('register').set({ moved_to: null }).execute())
  return counts
}

function moveItFrom(place: string): string {
  return `Nothing was copied. To move it from there: --from ${shellWord(place)}`
}

async function idOf(db: Kysely<Schema>): Promise<string | undefined> {
  return (await db.selectFrom('register').select('id').executeTakeFirst())?.id
}

/** Whether a copy of this very register was interrupted before it was put to use. */
async function isUnfinishedCopy(target: Kysely<Schema>, source: Kysely<Schema>): Promise<boolean> {
  return (await movedTo(target)) === UNFINISHED_COPY && (await idOf(target)) === (await idOf(source))
}

/** Throws ERR_EXISTS unless the target is a new register, or an unfinished copy of the same. */
async function requireReplaceable(name: string, target: Kysely<Schema>, source: Kysely<Schema>): Promise<void> {
  if (await isUnfinishedCopy(target, source)) return
  const [devices, jobs, lines] = [
    await target.selectFrom('devices').select('id').limit(1).execute(),
    await target.selectFrom('jobs').select('id').limit(1).execute(),
    await target.selectFrom('lines').select('id').limit(2).execute(),
  ]
  const isNew = devices.length === 0 && jobs.length === 0 && lines.length <= 1
  if (isNew && (await movedTo(target)) === null) return
  throw new FpkiError(
    'ERR_EXISTS',
    `There is a device register at ${name} already.`,
    'Nothing was copied. Use an empty database, or another schema in it, or the path of a new file.',
    { option: 'to' },
  )
}

async function copyRows(
  source: Kysely<Schema>,
  target: Kysely<Schema>,
  to: TableStore,
  shapes: readonly TableShape[],
): Promise<Readonly<Record<string, number>>> {
  for (const { name } of shapes.toReversed()) await target.deleteFrom(name as keyof Schema).execute()
  const original = new RowDigest()
  for (const shape of shapes) {
    let last: unknown = 0
    for await (const page of tablePages(source, shape)) {
      original.add(shape, page)
      await insertRows(target, shape, page)
      last = page.at(-1)?.['id']
    }
    if (shape.isNumbered) await to.renumber(target, shape.name, integer(last, `${shape.name}.id`) + 1)
  }
  const copy = new RowDigest()
  for (const shape of shapes) for await (const page of tablePages(target, shape)) copy.add(shape, page)
  if (copy.toString() !== original.toString()) throw differs(to.name)
  await target.updateTable('register').set({ moved_to: UNFINISHED_COPY }).execute()
  return copy.counts
}

async function countsOf({ db }: TableStore, shapes: readonly TableShape[]): Promise<Readonly<Record<string, number>>> {
  const digest = new RowDigest()
  for (const shape of shapes) for await (const page of tablePages(db, shape)) digest.add(shape, page)
  return digest.counts
}

function differs(name: string): FpkiError {
  return new FpkiError(
    'ERR_STORAGE',
    `The copy of the device register at ${name} is not the same as the original.`,
    'Nothing was copied. Check disk and memory of both machines (dmesg), then run the same command again.',
  )
}
