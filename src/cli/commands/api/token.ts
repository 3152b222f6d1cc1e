import { embeddedFactoriesOn, embeddedFactoryOn, embeddedPortsOn, thisMachine } from '../../../machine/index.js'
import type { Machine } from '../../../machine/machine.js'
import {
  type ApiToken,
  type CreateApiTokenResult,
  createApiToken,
  listApiTokens,
  revokeApiToken,
} from '../../../operations/api/api-tokens.js'
import { servedStateDirectory, tokenFactory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'
import { requireShown } from '../../shown-once.js'

/** The flags of `fpki api token create`. */
export interface CreateTokenFlags extends CommonFlags {
  readonly allFactories?: boolean
  readonly scope?: readonly string[]
  readonly expires?: string
}

/** `fpki api token create` */
export async function createToken(flags: CreateTokenFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const stateDirectory = await servedStateDirectory(flags, io, machine)
  const factory = await tokenFactory(flags, io, machine)
  const { scope: scopes = ['ci-write'], expires = null } = flags
  const created = await createApiToken(
    { stateDirectory, factory, scopes, expires },
    {
      ...embeddedPortsOn(machine, io.signal),
      factories: await embeddedFactoriesOn({ stateDirectory }, machine),
      apiOf: (name) => embeddedFactoryOn({ stateDirectory, factory: name }, { ...machine, signal: io.signal }),
    },
  )
  if (flags.json) printJson(io, created)
  else io.stdout(`${created.token}\n`)
  await requireShown(io, created.details.id, () =>
    revokeApiToken({ stateDirectory, id: created.details.id }, embeddedPortsOn(machine, io.signal)),
  )
  if (!flags.json && !flags.quiet) printText(io, summary(created), 'stderr')
}

/** `fpki api token list` */
export async function listTokens(flags: CommonFlags, io: Io): Promise<void> {
  const { stateDirectory, machine } = await served(flags, io)
  const listed = await listApiTokens({ stateDirectory }, embeddedPortsOn(machine, io.signal))
  if (flags.json) printJson(io, listed)
  else for (const token of listed.tokens) printText(io, `${describe(token)}\n`)
}

/** `fpki api token revoke` */
export async function revokeToken(id: string, flags: CommonFlags, io: Io): Promise<void> {
  const { stateDirectory, machine } = await served(flags, io)
  const revoked = await revokeApiToken({ stateDirectory, id }, embeddedPortsOn(machine, io.signal))
  if (flags.json) printJson(io, revoked)
  else if (!flags.quiet) printText(io, `Revoked ${describe(revoked.revoked)}\n`, 'stderr')
}

async function served(
  flags: CommonFlags,
  io: Io,
): Promise<{ readonly stateDirectory: string; readonly machine: Machine }> {
  const machine = thisMachine(io.machine)
  return { machine, stateDirectory: await servedStateDirectory(flags, io, machine) }
}

function summary({ details, madeFactory }: CreateApiTokenResult): string {
  const factory = madeFactory ? `${printable(`Created the factory ${details.factory}, without a PKI.`)}\n` : ''
  return `${factory}Created token ${describe(details)}\nThe token is not shown again.\n`
}

function describe({ id, factory, scopes, createdAt, expiresAt, expired }: ApiToken): string {
  const end = expiresAt === null ? 'does not expire' : `${expired ? 'expired' : 'expires'} ${expiresAt}`
  return printable(`${id}  ${factory ?? 'all factories'}  ${scopes.join(' ')}  created ${createdAt}, ${end}`)
}
