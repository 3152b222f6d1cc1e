import { expect, test } from 'vitest'
import type { InspectedDirectory } from '../../../src/directory/inspect.js'
import { statusOfBackup } from '../../../src/operations/backup/age.js'

const backup = {
  ...{ version: 1 as const, madeAt: '2027-01-02T00:00:00Z', file: '/mnt/b', sha256: '', provedAt: null },
}

/** Whether a backup of 2 January is outdated by a command that started and finished at these times. */
function isOutdated(startedAt: string, finishedAt: string | null): boolean | undefined {
  const journal = { startedAt, finishedAt }
  const directory = { backup, journal } as InspectedDirectory
  return statusOfBackup(directory, new Date('2027-01-05T00:00:00Z'))?.outdated
}

test.each([
  ['finished before it', '2027-01-01T00:00:00Z', '2027-01-01T00:00:01Z', false],
  ['finished after it', '2027-01-03T00:00:00Z', '2027-01-03T00:00:01Z', true],
  ['was interrupted after it', '2027-01-03T00:00:00Z', null, true],
  ['was interrupted before it', '2027-01-01T00:00:00Z', null, false],
] as const)('a command that %s', (_, startedAt, finishedAt, outdated) => {
  expect(isOutdated(startedAt, finishedAt)).toBe(outdated)
})
