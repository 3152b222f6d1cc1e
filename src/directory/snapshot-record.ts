import * as z from 'zod/mini'
import { directoryState, recordedTime } from './records.js'

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))

/** `snapshot.json` of a snapshot in `.fpki/history/`. */
export const snapshotRecord = z.strictObject({
  version: z.literal(1),
  number: z.int(),
  /** The start of the command. */
  time: recordedTime,
  command: z.string(),
  files: z.array(z.strictObject({ name: z.string(), sha256 })),
  state: z.nullable(directoryState),
})

/** See {@link snapshotRecord}. */
export type SnapshotRecord = z.infer<typeof snapshotRecord>
