import type { SnapshotRecord } from '../../directory/snapshot-record.js'

/** How a file differs between two states of a PKI directory. */
export interface FileChange {
  readonly what: 'added' | 'removed' | 'replaced'
  readonly name: string
}

/** The files that differ, by their digests, in the order of their names. */
export function fileChanges(before: SnapshotRecord['files'], after: SnapshotRecord['files']): readonly FileChange[] {
  const digests = (files: SnapshotRecord['files']) => new Map(files.map(({ name, sha256 }) => [name, sha256]))
  const [old, now] = [digests(before), digests(after)]
  const names = [...new Set([...old.keys(), ...now.keys()])].sort()
  return names
    .filter((name) => old.get(name) !== now.get(name))
    .map((name) => ({ what: !old.has(name) ? 'added' : now.has(name) ? 'replaced' : 'removed', name }))
}
