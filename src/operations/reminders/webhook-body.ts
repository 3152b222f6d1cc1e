import { SCHEMA_VERSION } from '../../json-document.js'
import { printableLines } from '../../printable.js'
import type { StatusMessage } from './message.js'

/** The formats of a message for a webhook. */
export const WEBHOOK_FORMATS = ['json', 'slack', 'teams', 'mattermost'] as const

/** See {@link WEBHOOK_FORMATS}. */
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number]

/** The most lines of a chat message: Teams refuses more than 28 kB. */
const MAX_LINES = 40

/** The body of the request, as JSON. */
export function webhookBody(message: StatusMessage, format: WebhookFormat): string {
  // Escaped as everything that fpki prints as JSON.
  return printableLines(JSON.stringify(BODIES[format](message)))
}

const BODIES: Readonly<Record<WebhookFormat, (message: StatusMessage) => object>> = {
  json: (message) => ({ schemaVersion: SCHEMA_VERSION, ...message }),
  // https://api.slack.com/reference/surfaces/formatting: these three characters are escaped in any text.
  slack: (message) => ({
    text: textOf(message).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
  }),
  // An Adaptive Card. Markdown works in a TextBlock, but not in a TextRun.
  teams: (message) => ({
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            richText({ text: message.title, weight: 'Bolder', size: 'Medium' }),
            ...linesOf(message).map((text) => richText({ text })),
          ],
        },
      },
    ],
  }),
  // Neither Markdown nor mentions work in a code block.
  mattermost: (message) => ({ text: `${message.title}\n\`\`\`text\n${linesOf(message).join('\n')}\n\`\`\`` }),
}

function richText(run: object): object {
  return { type: 'RichTextBlock', inlines: [{ type: 'TextRun', ...run }] }
}

function textOf(message: StatusMessage): string {
  return [message.title, ...linesOf(message).map((line) => `• ${line}`)].join('\n')
}

function linesOf({ due }: StatusMessage): readonly string[] {
  const lines = due.map(({ text }) => text)
  const more = lines.length - MAX_LINES
  return more > 0 ? [...lines.slice(0, MAX_LINES), `and ${more} more`] : lines
}
