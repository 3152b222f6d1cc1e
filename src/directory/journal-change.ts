import * as z from 'zod/mini'
import type { JournalledCommand } from './journal-record.js'
import { recordedTime } from './records.js'

const text = z.string().check(z.maxLength(4096))

/** The steps that are done only once they have recorded facts. */
export const LEARNING_STEPS: Readonly<Record<JournalledCommand, readonly string[]>> = {
  'ca create': ['keys', 'requests'],
  'ca root-csr': ['key'],
  'ca import-root': [],
  'ca cross-sign': [],
  'ca renew-root': [],
  'ca rotate-tls': ['request'],
  'est authorize': ['request'],
  'ca add-device-ca': ['keys'],
  'ca revoke-device-ca': ['crl'],
  'ca disable-device-ca': ['crl'],
  'ca enable-device-ca': ['crl'],
  'ca abandon': [],
}

/** What is appended to a journal at a step boundary. */
export const journalChange = z.strictObject({
  done: z.optional(text),
  facts: z.optional(z.record(z.string(), z.unknown())),
  started: z.optional(text),
  /** A step that has created nothing: what it found existed before. */
  pending: z.optional(text),
  finishedAt: z.optional(recordedTime),
})

/** See {@link journalChange}. */
export type JournalChange = z.infer<typeof journalChange>
