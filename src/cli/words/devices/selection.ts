import { type Command, Option } from 'commander'
import { parseDays, withStore } from '../../options.js'

/** Adds the flags that select devices. */
export function withSelection(command: Command): Command {
  const states = ['active', 'superseded', 'abandoned', 'denied', 'conflict', 'external']
  return withStore(
    command
      .option('--line <name>', 'only devices of this line')
      .option('--ca <file>', 'only devices of this device CA: its certificate file, or fingerprint')
      .addOption(new Option('--state <state>', 'only devices in this state').choices(states))
      .option('--since <time>', 'only issued since this date or time, such as 2026-07-28')
      .option('--until <time>', 'only issued before this date or time')
      .option('--expiring <days>', 'only expiring within this many days, or expired', parseDays)
      .option('--hardware-id <id>', 'only with this hardware ID'),
  )
}
