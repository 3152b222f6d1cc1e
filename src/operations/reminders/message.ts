import * as z from 'zod/mini'
import { counted } from '../../counted.js'
import { dateOf } from '../../day.js'
import { jsonDocument } from '../../json-document.js'
import { certificateRole } from '../../pki/describe.js'
import { type CertificateStatus, overallState, type PkiStatus, type PkiStatusResult } from '../audit/status-report.js'
import { remedyText } from '../certificate-roles.js'
import { harmless } from './harmless.js'
import { certificateName, pkiName } from './names.js'

/** One thing to do. */
const dueItem = z.strictObject({
  kind: z.enum(['certificate', 'unfinished', 'backup', 'problem']),
  factory: z.nullable(z.string()),
  /** For people, in one line; names in it are shortened and escaped. */
  text: z.string(),
  /** The certificate, or what is missing or unreadable; null: neither, or it has no file. */
  file: z.nullable(z.string()),
  /** Of a certificate; null: it is about something else. */
  role: z.nullable(certificateRole),
  fingerprint: z.nullable(z.string()),
  notAfter: z.nullable(z.string()),
  daysLeft: z.nullable(z.int()),
  /** Of a problem; else null. */
  code: z.nullable(z.string()),
})

/** What `fpki ca status --webhook` sends in the format `json`. */
export const statusMessage = jsonDocument({
  checkedAt: z.string(),
  state: overallState,
  /** A title for people. */
  title: z.string(),
  due: z.array(dueItem),
})

/** See {@link statusMessage}. */
export type StatusMessage = z.infer<typeof statusMessage>

type DueItem = z.infer<typeof dueItem>

const certificatesThat =
  (state: CertificateStatus['state']) =>
  ({ certificates }: PkiStatus): number =>
    certificates.filter((one) => one.state === state).length

/** How many there are, and what they are. */
const TITLES: Readonly<
  Record<PkiStatusResult['state'], readonly [count: (pki: PkiStatus) => number, one: string, many: string]>
> = {
  expired: [certificatesThat('expired'), 'certificate has expired', 'certificates have expired'],
  'not-yet-valid': [
    certificatesThat('not-yet-valid'),
    'certificate is not valid yet',
    'certificates are not valid yet',
  ],
  problem: [({ problems }) => problems.length, 'file is missing or unreadable', 'files are missing or unreadable'],
  unfinished: [({ unfinished }) => Number(unfinished !== null), 'command was interrupted', 'commands were interrupted'],
  expiring: [certificatesThat('expiring'), 'certificate expires soon', 'certificates expire soon'],
  fine: [({ backupDue }) => Number(backupDue), 'backup is due', 'backups are due'],
}

/** A message about everything that is due; null: nothing is. */
export function messageOf({ checkedAt, state, pkis }: PkiStatusResult): StatusMessage | null {
  const due = pkis.flatMap(dueIn)
  return due.length === 0 ? null : { checkedAt, state, title: `fpki: ${titleOf(state, pkis)}`, due }
}

/** The worst of it; the lines below have the rest. */
function titleOf(state: PkiStatusResult['state'], pkis: PkiStatusResult['pkis']): string {
  const [countIn, one, many] = TITLES[state]
  const count = pkis.reduce((sum, pki) => sum + countIn(pki), 0)
  return `${count} ${count === 1 ? one : many}`
}

function dueIn(pki: PkiStatus): readonly DueItem[] {
  const { factory, certificates, unfinished, backupDue, problems } = pki
  const item = (kind: DueItem['kind'], text: string, more: Partial<DueItem> = {}): DueItem => {
    const none = { file: null, role: null, fingerprint: null, notAfter: null, daysLeft: null, code: null }
    return { kind, factory, text, ...none, ...more }
  }
  const name = pkiName(pki)
  return [
    ...certificates
      .filter(({ state }) => state !== 'fine')
      .map((certificate) => {
        const { file, role, fingerprint, notAfter, daysLeft } = certificate
        const text = `${certificateName(certificate)} of ${name} ${stateOf(certificate)}`
        return item('certificate', text, { file, role, fingerprint, notAfter, daysLeft })
      }),
    ...problems.map(({ file, code }) => {
      const what = file === null ? `${name} has a problem` : `${harmless(file)} of ${name} is missing or unreadable`
      return item('problem', `${what} (${code})`, { file, code })
    }),
    ...(unfinished === null
      ? []
      : [
          item('unfinished', `An interrupted command of ${name} waits to be resumed. To finish it: fpki ca resume DIR`),
        ]),
    ...(backupDue ? [item('backup', `A backup of ${name} is due. To write one: fpki ca backup DIR --out FILE`)] : []),
  ]
}

function stateOf({ state, role, notBefore, notAfter, daysLeft }: CertificateStatus): string {
  const remedy = remedyText(role)
  if (state === 'expired') return `expired on ${dateOf(notAfter)}. ${remedy}`
  if (state === 'not-yet-valid') return `is not valid before ${dateOf(notBefore)}: check the clock`
  return `expires on ${dateOf(notAfter)}, in ${counted(daysLeft, 'day')}. ${remedy}`
}
