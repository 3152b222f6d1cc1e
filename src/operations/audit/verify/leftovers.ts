import { join } from 'node:path'
import { OWN_FOLDER, PENDING_FOLDER } from '../../../directory/names.js'
import type { AuditContext } from './context.js'
import { type Finding, failed } from './finding.js'

/** Traces of interrupted and running commands. */
export function checkLeftovers({ directory, atWork }: AuditContext): readonly Finding[] {
  const { path, journal, staged, unfinished } = directory
  return [
    ...(atWork ? [failed('leftovers.locked', null, `Another fpki process is changing ${path}.`)] : []),
    ...(journal !== null && journal.finishedAt === null
      ? [
          failed(
            'leftovers.unfinished',
            null,
            `\`fpki ${journal.command}\`, started ${journal.startedAt}, was interrupted.`,
          ),
        ]
      : []),
    ...staged.map((name) =>
      failed(
        'leftovers.pending',
        join(OWN_FOLDER, PENDING_FOLDER, name),
        `The new ${name} has not replaced the one in use.`,
      ),
    ),
    ...unfinished.map((name) => failed('leftovers.files', name, `${name} is left over from an interrupted write.`)),
  ]
}
