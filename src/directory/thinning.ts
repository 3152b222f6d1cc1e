/** The number of newest snapshots that are always kept. */
const NEWEST = 20
/** Of older ones: the last one of each day, then of each month, then of each year. */
const DAYS = 30
const MONTHS = 24

/**
 * The snapshots to remove, of all snapshots from oldest to newest. The first one is always kept. Depends only on the times
 * in the snapshots, so that a wrong clock does not remove any.
 */
export function thinnedOut<T extends { readonly time: string }>(snapshots: readonly T[]): readonly T[] {
  const older = snapshots.slice(0, -NEWEST)
  const kept = new Set([
    ...older.slice(0, 1),
    ...lastOfEach(older, 10).slice(-DAYS),
    ...lastOfEach(older, 7).slice(-MONTHS),
    ...lastOfEach(older, 4),
  ])
  return older.filter((snapshot) => !kept.has(snapshot))
}

/** The last one of each day, month or year: of each RFC 3339 prefix of `length` characters. */
function lastOfEach<T extends { readonly time: string }>(snapshots: readonly T[], length: number): readonly T[] {
  return [...new Map(snapshots.map((snapshot) => [snapshot.time.slice(0, length), snapshot])).values()]
}
