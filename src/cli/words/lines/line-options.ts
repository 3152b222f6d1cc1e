import { type Command, InvalidArgumentError } from 'commander'
import { collect, withStore } from '../../options.js'

/** Adds the flags for what a line may do. Each of them also takes `none`. */
export function withLineOptions(command: Command): Command {
  return withStore(
    command
      .optionsGroup('Limits; none removes one:')
      .option('--quota <number>', 'devices in all', parseLimit)
      .option('--per-day <number>', 'devices per day (UTC)', parseLimit)
      .option('--from <time>', 'issue from this date or time on, such as 2026-08-01')
      .option('--until <time>', 'issue until this date or time')
      .option('--hardware-id <id>', 'allow this hardware ID only; repeatable, or a comma-separated list', collect)
      .option('--group <name>', 'put all devices into this group')
      .optionsGroup('Options:')
      .option('--ca <file>', 'certificate file of the device CA, such as site-b.pem; none is local-ca')
      .option('--production', 'make production devices too')
      .option('--reissue-window <time>', 'how long a device may come again with a new key: 15m, 2h, 0', parseDuration),
  )
}

/** commander takes null for an empty text. */
function parseLimit(text: string): number | 'none' {
  if (text === 'none') return text
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number, or none.')
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** In seconds. */
export function parseDuration(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})(s|m|h|d)$/.exec(text) ?? []
  const seconds = Object.entries(SECONDS).find(([name]) => name === unit)?.[1]
  if (text === '0') return 0
  if (seconds !== undefined) return Number(number) * seconds
  throw new InvalidArgumentError('It must be a time such as 15m, 2h or 1d.')
}
