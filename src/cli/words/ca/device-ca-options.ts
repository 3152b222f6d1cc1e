import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { collect } from '../../options.js'

/** The argument and the flags that the commands about device CAs share. */
export function withDeviceCaOptions(command: Command): Command {
  const described = command
    .argument('<directory>', 'the PKI directory')
    .option('--ca-file <name>', 'a file of the directory, or a full path; repeatable', collect)
    .option('--ca-serial <serial>', 'base 10, 0x…, or hex with colons; repeatable', collect)
    .option('--dry-run', 'print the CRL, and change nothing')
    .option('--pretty', 'with --dry-run: the CRL in words')
    .option('--yes', 'answer every question with yes')
  return withHsmOptions(described)
}
