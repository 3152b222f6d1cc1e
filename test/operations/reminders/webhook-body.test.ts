import { describe, expect, test } from 'vitest'
import { messageOf, statusMessage } from '../../../src/operations/reminders/message.js'
import { WEBHOOK_FORMATS, type WebhookFormat, webhookBody } from '../../../src/operations/reminders/webhook-body.js'
import { certificateStatus, HOSTILE_NAMES, statusOfPki } from '../../support/status.js'

const soon = { state: 'expiring', daysLeft: 9, notAfter: '2027-01-10T12:00:00Z' } as const

function bodyFor(status: ReturnType<typeof statusOfPki>, format: WebhookFormat) {
  const message = messageOf(status)
  return message === null ? null : JSON.parse(webhookBody(message, format))
}

describe('a message', () => {
  test('is not sent when nothing is due', () => {
    expect(messageOf(statusOfPki([certificateStatus()]))).toBeNull()
  })

  test('has all that is due, and no path of a directory', () => {
    const problems = [{ file: 'online-crt', code: 'ERR_BAD_FILE', message: 'in /srv/pki/acme', hint: '' }]
    const status = statusOfPki([certificateStatus(soon), certificateStatus({ file: 'other' })], {
      ...{ state: 'problem', unfinished: 'ca create', backupDue: true, problems },
    })
    const body = bodyFor(status, 'json')
    const { title, due } = statusMessage.parse(body)
    expect(title).toBe('fpki: 1 file is missing or unreadable')
    expect(due.map(({ text }) => text)).toEqual([
      'tls-crt of the factory acme expires on 2027-01-10, in 9 days. To replace it: fpki ca rotate-tls DIR',
      'online-crt of the factory acme is missing or unreadable (ERR_BAD_FILE)',
      'An interrupted command of the factory acme waits to be resumed. To finish it: fpki ca resume DIR',
      'A backup of the factory acme is due. To write one: fpki ca backup DIR --out FILE',
    ])
    expect(due[0]).toMatchObject({ kind: 'certificate', file: 'tls-crt', role: 'tls', daysLeft: 9, code: null })
    expect(JSON.stringify(body)).not.toContain('/srv')
  })

  test('has the form that each chat system expects', () => {
    const status = statusOfPki([certificateStatus(soon)], { state: 'expiring' })
    const line = 'tls-crt of the factory acme expires on 2027-01-10, in 9 days. To replace it: fpki ca rotate-tls DIR'
    expect(bodyFor(status, 'slack')).toMatchObject({
      text: `fpki: 1 certificate expires soon\n• ${line}`,
      ...{ mrkdwn: false, parse: 'none', link_names: false },
    })
    expect(bodyFor(status, 'mattermost')).toEqual({
      text: `fpki: 1 certificate expires soon\n\`\`\`text\n${line}\n\`\`\``,
    })
    const { type, attachments } = bodyFor(status, 'teams')
    expect([type, attachments[0].contentType]).toEqual(['message', 'application/vnd.microsoft.card.adaptive'])
    expect(attachments[0].content.body[1]).toEqual({
      type: 'RichTextBlock',
      inlines: [{ type: 'TextRun', text: line }],
    })
  })

  test('is limited in chats', () => {
    const many = Array.from({ length: 100 }, (_, at) => certificateStatus({ ...soon, file: `ca-${at}` }))
    const status = statusOfPki(many, { state: 'expiring' })
    expect(bodyFor(status, 'slack').text.split('\n')[0]).toBe('fpki: 100 certificates expire soon')
    expect(bodyFor(status, 'slack').text.split('\n').at(-1)).toBe('• and 60 more')
    expect(bodyFor(status, 'json').due).toHaveLength(100)
  })

  test.each(HOSTILE_NAMES)('has no markup, mentions or links for %j', (name) => {
    const status = statusOfPki([certificateStatus({ ...soon, file: name })], { factory: name, state: 'expiring' })
    for (const format of WEBHOOK_FORMATS) {
      const message = messageOf(status)
      const text = message === null ? '' : webhookBody(message, format)
      expect(text).not.toMatch(/\p{Cc}|\p{Cf}/u)
      if (format === 'json') continue
      const fixed = ['```text\\n', '\\n```', 'http://adaptivecards.io']
      expect(fixed.reduce((rest, one) => rest.replace(one, ''), text)).not.toMatch(/[<>@`]|&(?!amp;)|\/\//)
    }
  })
})
