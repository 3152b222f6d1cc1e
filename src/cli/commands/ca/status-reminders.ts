import { transportOf } from '../../../config/connection.js'
import { resolveSettings } from '../../../config/resolve.js'
import { webhookUrl } from '../../../config/webhook.js'
import { FpkiError, isInterruption } from '../../../errors.js'
import { sendWebhookFrom, thisMachine } from '../../../machine/index.js'
import type { PkiStatusResult } from '../../../operations/audit/status-pki.js'
import { reminderCalendar } from '../../../operations/reminders/calendar.js'
import { messageOf } from '../../../operations/reminders/message.js'
import { type WebhookFormat, webhookBody } from '../../../operations/reminders/webhook-body.js'
import { writeCalendar } from '../../../operations/reminders/write-calendar.js'
import type { Progress } from '../../../ports.js'
import { readableByOthers, readSecretFile } from '../../../secret.js'
import { filePath } from '../../directory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, progressOn } from '../../output.js'

/** The flags for reminders. */
export interface ReminderFlags extends CommonFlags {
  readonly ics?: string
  readonly webhook?: string
  readonly webhookFile?: string
  readonly webhookFormat?: WebhookFormat
}

/** The calendar and the message that the flags ask for. */
export interface Reminders {
  /** Delivers both, and resolves to what failed. */
  deliver(report: PkiStatusResult): Promise<readonly FpkiError[]>
}

/** Checks the flags before anything is read. Throws ERR_USAGE. */
export async function reminders(flags: ReminderFlags, io: Io): Promise<Reminders> {
  const progress = progressOn(io, flags)
  const calendar = flags.ics === undefined ? null : calendarPath(flags.ics, io)
  const webhook = await webhookOf(flags, io, progress)
  return {
    deliver: async (report) => [
      ...(calendar === null ? [] : await failureOf(() => writeReminders(report, calendar, io, progress))),
      ...(webhook === null ? [] : await failureOf(() => sendMessage(report, webhook, io, progress))),
    ],
  }
}

/** Where a message goes, and how. */
interface Webhook {
  /** Secret. */
  readonly url: string
  readonly format: WebhookFormat
  readonly transport: Parameters<typeof sendWebhookFrom>[1]
}

async function webhookOf(flags: ReminderFlags, io: Io, progress: Progress): Promise<Webhook | null> {
  const url = await readUrl(flags, io, progress)
  if (url !== null) {
    const settings = await resolveSettings(flags, io, thisMachine(io.machine).files)
    return { url, format: flags.webhookFormat ?? 'json', transport: { ...transportOf(settings), insecure: false } }
  }
  if (flags.webhookFormat === undefined) return null
  const hint = 'Pass --webhook-file FILE (- is stdin), or set FPKI_WEBHOOK.'
  throw new FpkiError('ERR_USAGE', '--webhook-format requires a webhook.', hint)
}

function calendarPath(file: string, io: Io): string {
  if (file !== '-') return filePath(file, io)
  throw new FpkiError('ERR_USAGE', '--ics requires a file, since stdout has the status.', 'Pass a path.')
}

/** The URL, from the first source that has one; null: none. Secret. */
async function readUrl({ webhook, webhookFile }: ReminderFlags, io: Io, progress: Progress): Promise<string | null> {
  if (webhook !== undefined) {
    progress.warn('Other users can see the URL in --webhook; --webhook-file and FPKI_WEBHOOK are safer.')
    return webhookUrl(webhook, '--webhook')
  }
  if (webhookFile !== undefined) {
    if (/^https?:\/\//i.test(webhookFile)) throw notAFile()
    const { text, isOpenToOthers } = await readSecretFile(webhookFile, 'webhook URL', io.stdin)
    if (isOpenToOthers) progress.warn(readableByOthers('webhook URL', webhookFile))
    return webhookUrl(text, webhookFile === '-' ? 'stdin' : webhookFile)
  }
  const { FPKI_WEBHOOK } = io.env
  return FPKI_WEBHOOK ? webhookUrl(FPKI_WEBHOOK, 'FPKI_WEBHOOK') : null
}

/** Without the URL, which would be in the log of cron. */
function notAFile(): FpkiError {
  const hint = 'Write the URL to a file with mode 0600 and pass that, or set FPKI_WEBHOOK.'
  return new FpkiError('ERR_USAGE', '--webhook-file expects a file, not the URL itself.', hint)
}

/** A calendar without the certificates that could not be read would lose their reminders, so it is not written then. */
async function writeReminders(report: PkiStatusResult, out: string, io: Io, progress: Progress): Promise<void> {
  if (report.pkis.some(({ problems }) => problems.length > 0)) {
    return progress.warn(`The calendar ${out} was not written: a certificate is missing or unreadable.`)
  }
  const text = reminderCalendar(report)
  if (text === null) return progress.warn(`The calendar ${out} was not written: it would have no reminders.`)
  const directories = report.pkis.flatMap(({ directory }) => directory ?? [])
  await writeCalendar({ text, out, directories }, thisMachine(io.machine).files)
  progress.note(`Wrote the calendar ${out}.`)
}

async function sendMessage(
  report: PkiStatusResult,
  { url, format, transport }: Webhook,
  io: Io,
  progress: Progress,
): Promise<void> {
  const message = messageOf(report)
  if (message === null) return progress.note('Nothing is due: the webhook was not called.')
  await sendWebhookFrom(thisMachine(io.machine), transport, { url, body: webhookBody(message, format) }, io.signal)
  progress.note(`Sent a message to the webhook at ${new URL(url).origin}.`)
}

async function failureOf(deliver: () => Promise<unknown>): Promise<readonly FpkiError[]> {
  try {
    await deliver()
    return []
  } catch (error) {
    if (error instanceof FpkiError && !isInterruption(error)) return [error]
    throw error
  }
}
