import type { Command } from 'commander'
import { parseDays, withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki ca plan-root-change`. */
export function addPlanRootChange(ca: Command, io: Io): void {
  const plan = ca
    .command('plan-root-change')
    .description('print a dated plan for the change to a new root')
    .argument('<directory>', 'PKI directory')
    .option('--start <date>', 'first day of the change; default: today')
    .option('--rollout <days>', 'days until all devices have an update', parseDays, 180)
    .option('--renewal <days>', 'days until all devices have then renewed their certificates', parseDays, 365)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) => {
      const { planChange } = await import('../../commands/ca/plan-root-change.js')
      await planChange(directory, command.optsWithGlobals(), io)
    })
  withStore(plan)
}

const EXAMPLE = `
Reads the certificates and the device register, and changes nothing.

Examples:
  $ fpki ca plan-root-change "$HOME/acme"
  $ fpki ca plan-root-change "$HOME/acme" --start 2027-03-01 --rollout 90`
