// fpki, but encrypting with a passphrase costs nothing: for tests that start it, and are about something else.
import { run } from '../../dist/cli/cli.js'

process.exitCode = await run({ passphraseRounds: 1000 })
