import { join } from 'node:path'
import { OWN_FOLDER, PENDING_FOLDER } from '../../../directory/names.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** What interrupted work has left. */
export function checkLeftovers({ directory, atWork }: Scene): readonly Finding[] {
  const { path, journal, staged, unfinished } = directory
  return [
    ...(atWork ? [found('leftovers.locked', null, `Another fpki is at work in ${path}.`)] : []),
    ...(journal !== null && journal.finishedAt === null
      ? [
          found(
            'leftovers.unfinished',
            null,
            `\`fpki ${journal.command}\` of ${journal.startedAt} was not brought to its end.`,
          ),
        ]
      : []),
    ...staged.map((name) =>
      found('leftovers.pending', join(OWN_FOLDER, PENDING_FOLDER, name), `${name} was made and not put in its place.`),
    ),
    ...unfinished.map((name) => found('leftovers.files', name, `${name} is what an interrupted write has left.`)),
  ]
}
