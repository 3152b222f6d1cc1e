import { createHash } from 'node:crypto'

/** Is this `npm run test:all`, which leaves nothing out? */
export const ALL_POINTS = process.env['FPKI_TEST_ALL_POINTS'] !== undefined

/** Of so many points at which something can be cut off or fail, `npm test` tries one; `npm run test:all` tries each. */
const ONE_IN = ALL_POINTS ? 1 : 20

/**
 * The points to try, counted from 1: one in twenty, and besides one of each kind of step that these leave out. It is the same
 * choice in every run; another test has another one, so that all of them together see more.
 *
 * @param kinds the kind of step at each point of an undisturbed run
 * @param test what tells this test from others
 */
export function pointsToTry(kinds: readonly string[], test: string): readonly number[] {
  const start = createHash('sha256').update(test).digest().readUInt32BE()
  const chosen = new Set([...kinds.keys()].filter((at) => at % ONE_IN === start % ONE_IN))
  const isChosen = (kind: string) => [...chosen].some((at) => kinds[at] === kind)
  for (const kind of new Set(kinds)) {
    if (isChosen(kind)) continue
    const places = [...kinds.keys()].filter((at) => kinds[at] === kind)
    chosen.add(places[start % places.length] ?? 0)
  }
  return [...chosen].map((at) => at + 1).sort((a, b) => a - b)
}

/** What a disk fails with, and whether it goes on failing. */
type Fault = readonly [code: string, lasting: boolean]

/**
 * As {@link pointsToTry}, for a disk with one of several faults: those that last divide the points among them, and so do the
 * others. `npm run test:all` tries each point with each fault.
 */
export function pointsOfFault(
  kinds: readonly string[],
  test: string,
  [code, lasting]: Fault,
  faults: readonly Fault[],
): readonly number[] {
  const points = pointsToTry(kinds, `${test} ${lasting}`)
  const alike = faults.filter((one) => one[1] === lasting).map(([other]) => other)
  const share = points.filter((_, at) => ALL_POINTS || at % alike.length === alike.indexOf(code))
  return share.length > 0 ? share : points.slice(0, 1)
}

/** As {@link pointsToTry}, of what a test names itself: one in twenty, at least one. */
export function sampleOf<Item>(all: readonly Item[], test: string): readonly Item[] {
  const kinds = all.map(() => 'one')
  return pointsToTry(kinds, test).map((point) => all[point - 1] as Item)
}

/**
 * Whether `one` of several commands or forms is to meet the case with the number `at`. In `npm test` they take turns, so that
 * each case is met once; with `npm run test:all` all meet it.
 */
export function isTurnOf<Item>(one: Item, several: readonly Item[], at: number): boolean {
  return ALL_POINTS ? several.includes(one) : several[at % several.length] === one
}
