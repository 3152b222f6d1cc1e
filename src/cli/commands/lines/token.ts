import { namedFactory } from '../../../config/settings.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import { readAllowList } from '../../../operations/devices/input/allow-list.js'
import {
  createLineToken,
  type LineTokenFacts,
  listLineTokens,
  revokeLineToken,
} from '../../../operations/devices/lines/line-tokens.js'
import { filePath, resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'
import { requireShown } from '../../shown-once.js'
import { storeOf } from '../../store.js'

/** The flags of `lines token`. */
export interface LineTokenFlags extends CommonFlags {
  readonly uses?: number
  readonly uuid?: string
  /** In seconds. */
  readonly for?: number
  readonly list?: string
  readonly store?: string
}

/** `fpki lines token <directory> <line>` */
export async function createToken(directory: string, line: string, flags: LineTokenFlags, io: Io): Promise<void> {
  const machine = thisMachine(io.machine)
  const { uses, uuid, list: file } = flags
  const note = (text: string) => progressOn(io, flags).note(text)
  const list =
    file === undefined
      ? undefined
      : readAllowList(filePath(file, io), { ...deviceFiles(machine), note, signal: io.signal })
  const choice = choiceOf(directory, flags, io)
  const created = await createLineToken({ ...choice, name: line, uses, uuid, forSeconds: flags.for, list }, machine)
  const { id } = created.details
  if (flags.json) printJson(io, created)
  else io.stdout(`${created.token}\n`)
  await requireShown(io, id, () => revokeLineToken({ ...choice, id }, machine))
  if (flags.json || flags.quiet) return
  printText(io, `Created the token ${describe(created.details)}\nThe token is not shown again.\n`, 'stderr')
}

/** `fpki lines tokens <directory> [line]` */
export async function listTokens(
  directory: string,
  line: string | null,
  flags: CommonFlags & { readonly store?: string },
  io: Io,
): Promise<void> {
  const choice = choiceOf(directory, flags, io)
  await warnOfForeign([choice.directory], flags, io)
  const listed = await listLineTokens({ ...choice, name: line }, thisMachine(io.machine))
  if (flags.json) printJson(io, listed)
  else for (const token of listed.tokens) printText(io, `${describe(token)}\n`)
}

/** `fpki lines revoke-token <directory> <id>` */
export async function revokeToken(
  directory: string,
  id: string,
  flags: CommonFlags & { readonly store?: string },
  io: Io,
): Promise<void> {
  const revoked = await revokeLineToken({ ...choiceOf(directory, flags, io), id }, thisMachine(io.machine))
  const { changed, revoked: token } = revoked
  const text = changed ? `Revoked the token ${describe(token)}` : `Nothing was changed: ${describe(token)}`
  if (flags.json) printJson(io, revoked)
  else progressOn(io, flags).note(text)
}

function choiceOf(directory: string, flags: CommonFlags & { readonly store?: string }, io: Io) {
  return { directory: resolved(directory, io), store: storeOf(flags, io), factory: namedFactory(flags, io.env) }
}

function describe({ id, line, uses, used, uuid, listed, expiresAt, revokedAt, valid }: LineTokenFacts): string {
  const end = expiresAt === null ? 'does not expire' : `${valid ? 'expires' : 'ends'} ${expiresAt}`
  const parts = [
    `${used} of ${uses ?? 'any number of'} devices`,
    ...(uuid === null ? [] : [`for ${uuid}`]),
    ...(listed === null ? [] : [`list of ${listed}`]),
    revokedAt === null ? end : `revoked ${revokedAt}`,
  ]
  return printable(`${id}  ${line}  ${parts.join(', ')}`)
}
