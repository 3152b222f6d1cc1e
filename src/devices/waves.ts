/**
 * Items in waves, each of which has a name once: what one wave records, the next one finds.
 *
 * @param namesOf the names of an item, such as the UUID of its device and its key
 */
export function wavesOf<Item>(
  items: readonly Item[],
  namesOf: (item: Item) => readonly string[],
): readonly (readonly Item[])[] {
  const waves: Item[][] = []
  const next = new Map<string, number>()
  for (const item of items) {
    const names = namesOf(item)
    const wave = Math.max(...names.map((name) => next.get(name) ?? 0))
    for (const name of names) next.set(name, wave + 1)
    const members = waves[wave] ?? []
    members.push(item)
    waves[wave] = members
  }
  return waves
}
