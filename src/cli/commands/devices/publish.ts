import { counted } from '../../../counted.js'
import { thisMachine } from '../../../machine/index.js'
import type { PublishListsResult } from '../../../operations/devices/publish/publish-lists.js'
import { factoryOfPki } from '../../../operations/open-pki.js'
import { type PublishOutboxResult, publishOutbox } from '../../../operations/registration/publish-outbox.js'
import type { Progress } from '../../../ports.js'
import { shellWord } from '../../../shell-word.js'
import { resolved } from '../../directory.js'
import { EXIT_FOUND } from '../../exit.js'
import { factoryApiFor } from '../../factory.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'
import { liveLine } from './live-line.js'
import { type ListFlags, writeLists } from './publish-lists.js'

/** The flags of `devices publish`. */
export interface PublishFlags extends ListFlags {
  readonly foundries?: true
}

/** How many conflicts and refusals are listed; `--json` has more. */
const LISTED = 20

/** `fpki devices publish <directory>` */
export async function publish(directory: string, flags: PublishFlags, io: Io): Promise<void> {
  const lists = await writeLists(directory, flags, io)
  if (lists !== null && !flags.foundries) return flags.json ? printJson(io, lists) : undefined
  const published = await publishAll(directory, flags, io)
  if (flags.json) printJson(io, flags.foundries ? withLists(published, lists) : published)
  report(published, progressOn(io, flags))
  if (published.waiting > 0) io.outcome.status = EXIT_FOUND.unpublished
}

function withLists(
  { schemaVersion: _, directory, factory, ...foundries }: PublishOutboxResult,
  lists: PublishListsResult | null,
): PublishListsResult {
  return { ...(lists ?? { directory, factory, nginxMap: null, crl: null }), foundries }
}

/** Works off the outbox. */
async function publishAll(directory: string, flags: PublishFlags, io: Io): Promise<PublishOutboxResult> {
  const path = resolved(directory, io)
  const machine = thisMachine(io.machine)
  const line = liveLine(io)
  const ofDirectory = () => factoryOfPki(machine.files, path)
  const { factory, devices } = await factoryApiFor(flags, line.io, machine, { changes: true, ofDirectory })
  const onProgress = (sent: number) => {
    if (io.terminal.stderr && !flags.quiet) line.draw(`  ${sent} sent`)
  }
  return publishOutbox(
    { directory: path, store: storeOf(flags, io), factory },
    { ...machine, api: devices, signal: io.signal, onProgress },
  ).finally(line.clear)
}

function report(published: PublishOutboxResult, progress: Progress): void {
  const { sent, conflicts, refused, waiting, reason, directory, api, devices } = published
  for (const { uuid, kind, reason: why } of devices.slice(0, LISTED)) progress.warn(`${uuid}, ${kind}: ${why}.`)
  if (devices.length > LISTED) progress.warn(`There are more; --json lists up to 1,000.`)
  progress.note(`${api} was informed of ${counted(sent, 'device')}.`)
  if (conflicts > 0)
    progress.warn(
      `It knows ${counted(conflicts, 'device')} with another key: \`fpki devices list ${shellWord(directory)} --state conflict\`.`,
    )
  if (refused > 0) progress.warn(`It refused ${counted(refused, 'device')}.`)
  if (waiting > 0)
    progress.warn(`Still waiting: ${counted(waiting, 'device')}${reason === null ? '' : ` (${reason})`}.`)
}
