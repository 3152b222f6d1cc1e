import type { Command } from 'commander'
import { withHsmOptions } from '../../hsm-options.js'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'
import { parseDuration } from '../lines/line-options.js'

/** Adds `fpki devices ocsp-export`. */
export function addOcspExport(devices: Command, io: Io): void {
  const exporting = devices
    .command('ocsp-export')
    .description('write signed OCSP answers about all certificates, for a web server or CDN')
    .argument('<directory>', 'PKI directory or kit')
    .requiredOption('--out <folder>', 'folder for the answers; those that are there are replaced')
    .option('--ca <name>', 'only certificates of this local CA; default: those of all')
    .option('--validity <time>', 'how long the answers are valid, 1m to 10d; default: 7d', parseDuration)
  withStore(exporting)
  withHsmOptions(exporting)
    .addHelpText('after', EXAMPLE)
    .action(async (directory, _, command: Command) =>
      (await import('../../commands/devices/index.js')).ocspExport(directory, command.optsWithGlobals(), io),
    )
}

const EXAMPLE = `
Examples:
  $ fpki devices ocsp-export "$HOME/acme" --out ocsp/
  $ fpki devices ocsp-export "$HOME/acme" --out ocsp/ --validity 1d

The name of a file is the base64 of the request that it answers (SHA-1, without
a nonce), with _ for each /, so that a web server can answer GET requests
(docs/ocsp.md). Run it several times within the validity: a device that is
denied stays good in what a client or cache has until that ends.

Each local CA signs a certificate for the answers, with a key that is thrown
away. For answers that follow the register at once, use
\`fpki devices serve --ocsp\`.`
