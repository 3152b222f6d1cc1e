import type { Command } from 'commander'
import { withStore } from '../../options.js'
import type { Io } from '../../output.js'

/** Adds `fpki devices store init`, `migrate`, `check` and `copy`. */
export function addStore(devices: Command, io: Io): void {
  const store = devices.command('store').description('manage where the device register is: SQLite or PostgreSQL')
  const load = () => import('../../commands/devices/store.js')
  withStore(store.command('init').description('create the tables of the register').argument('<directory>', DIRECTORY))
    .addHelpText('after', INIT)
    .action(async (directory, _, command: Command) =>
      (await load()).initStoreOf(directory, command.optsWithGlobals(), io),
    )
  withStore(
    store
      .command('migrate')
      .description('bring the tables up to date, after an update of fpki')
      .argument('<directory>', DIRECTORY),
  )
    .addHelpText('after', MIGRATE)
    .action(async (directory, _, command: Command) =>
      (await load()).migrateStoreOf(directory, command.optsWithGlobals(), io),
    )
  withStore(store.command('check').description('check server and register').argument('<directory>', DIRECTORY))
    .addHelpText('after', CHECK)
    .action(async (directory, _, command: Command) =>
      (await load()).checkStoreOf(directory, command.optsWithGlobals(), io),
    )
  store
    .command('copy')
    .description('move the register to another place')
    .argument('<directory>', DIRECTORY)
    .option('--from <url>', 'where it is; default: devices.sqlite in the directory')
    .option('--to <url>', 'where it goes; default: devices.sqlite in the directory')
    .addHelpText('after', COPY)
    .action(async (directory, _, command: Command) =>
      (await load()).copyStoreOf(directory, command.optsWithGlobals(), io),
    )
}

const DIRECTORY = 'PKI directory or kit'

const INIT = `
Examples:
  $ fpki devices store init "$HOME/acme"
  $ fpki devices store init "$HOME/acme" --json
  fpki devices store init /srv/acme --store postgres://fpki@db.example/devices

In PostgreSQL, other commands create no tables. The database exists already:
createdb devices. To another machine, TLS is used and the server is verified,
unless the URL has sslmode=require or sslmode=disable; sslrootcert=/path/ca.pem
names the CA. A password is in ~/.pgpass or PGPASSFILE, never in the URL.`

const MIGRATE = `
Examples:
  $ fpki devices store migrate "$HOME/acme"
  $ fpki devices store migrate "$HOME/acme" --json
  fpki devices store migrate /srv/acme --store postgres://db.example/devices

Older instances of fpki go on working meanwhile, unless the release notes say
otherwise. A SQLite file is brought up to date by any command that writes.`

const CHECK = `
Examples:
  $ fpki devices store check "$HOME/acme"
  $ fpki devices store check "$HOME/acme" --json
  fpki devices store check /srv/acme --store postgres://fpki@db.example/devices

Exits with 6 when something is wrong.`

const COPY = `
Examples:
  $ fpki devices store copy "$HOME/acme" --to "sqlite:$HOME/moved.sqlite"
  $ fpki devices store copy "$HOME/acme" --to "sqlite:$HOME/new.sqlite" --json
  fpki devices store copy /srv/acme --to postgres://fpki@db.example/devices
  fpki devices store copy /srv/acme --from postgres://fpki@db.example/devices

All rows are compared. Then only the copy is in use: the original refuses, and
says where it went. Nothing is deleted. Run it again if it was interrupted.`
