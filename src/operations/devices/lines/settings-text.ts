import type { LineSettings } from '../../../devices/register.js'
import { rfc3339 } from '../../../pki/describe.js'

/** All settings of a line in one line, for the audit log. */
export function settingsText(settings: LineSettings): string {
  const { ca, quota, perDay, from, until, hardwareIds, allowsProduction, group, reissueWindow } = settings
  const parts: readonly (readonly [string, string | number])[] = [
    ['ca', ca ?? 'local-ca'],
    ['quota', quota ?? 'none'],
    ['per-day', perDay ?? 'none'],
    ['from', from === null ? 'none' : rfc3339(new Date(from))],
    ['until', until === null ? 'none' : rfc3339(new Date(until))],
    ['hardware-id', hardwareIds === null ? 'any' : JSON.stringify(hardwareIds)],
    ['production', allowsProduction ? 'yes' : 'no'],
    ['group', group === null ? 'any' : JSON.stringify(group)],
    ['reissue-window', `${reissueWindow / 1000}s`],
  ]
  return parts.map(([name, value]) => `${name} ${value}`).join(', ')
}
