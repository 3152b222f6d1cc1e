/** How many of the newest snapshots all stay. */
const NEWEST = 20
/** Behind them: for so many days the last one of each day, for so many months the last one of each month; then of each year. */
const DAYS = 30
const MONTHS = 24

/**
 * Which of the snapshots go, given all of them from the oldest to the newest. The first one stays for ever. What is kept
 * depends on the times in the snapshots only, so that a clock that was wrong once removes nothing.
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

/** The last one of each day, month or year: of each beginning of an RFC 3339 time. */
function lastOfEach<T extends { readonly time: string }>(snapshots: readonly T[], length: number): readonly T[] {
  return [...new Map(snapshots.map((snapshot) => [snapshot.time.slice(0, length), snapshot])).values()]
}
