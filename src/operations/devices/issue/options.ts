import * as z from 'zod/mini'
import type { BatchIssuer, DeviceBatches } from '../../../issuance/device-batch/model.js'
import { jsonDocument } from '../../../json-document.js'
import type { KeyAccess } from '../../../keystore/root-key.js'
import type { BatchFiles, Clock, DurableFiles, Progress, Random, Who } from '../../../ports.js'
import type { Stdin } from '../../../storage/input-file.js'
import type { InputFiles } from '../../../storage/input-files.js'
import type { ByteSink } from '../../../storage/sinks.js'
import type { DeviceInputSource } from '../input/open.js'
import type { OutputPlan } from '../output/settings.js'

const count = z.int().check(z.nonnegative())

/** What `fpki devices issue --json` prints. */
export const issueDevicesResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  line: z.string(),
  /** The certificate file of the device CA that signed. */
  ca: z.string(),
  /** Nothing was signed or recorded. */
  dryRun: z.boolean(),
  issued: count,
  /** The register had their certificates, and nothing was signed. */
  reused: count,
  refused: count,
  /** In a rehearsal: how many would be issued. */
  planned: count,
  /** Earlier certificates that were marked abandoned, or would be: their keys are not in the output. */
  abandoned: count,
  /** How many rows were refused for each reason. */
  refusals: z.record(z.string(), count),
  /** Absolute; null: stdout or nowhere. */
  out: z.nullable(z.string()),
})

/** See {@link issueDevicesResult}. */
export type IssueDevicesResult = z.infer<typeof issueDevicesResult>

/** Options of `devices issue`. */
export interface IssueDevicesOptions {
  /** Absolute path of the PKI directory or kit. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  readonly input: DeviceInputSource
  /** null: the certificates go to the register only. */
  readonly output: OutputPlan | null
  /** Absolute path of a new file for the refused rows; null: none. */
  readonly refusedFile: string | null
  readonly line: string
  /** The certificate file of the device CA in the directory; null: that of the line. */
  readonly ca: string | null
  readonly makeKeys: boolean
  /** null: as long as the device CA, at most the years of the profile. */
  readonly days: number | null
  readonly production: boolean
  readonly group: string | null
  /** URLs; null: the names in tls-crt. */
  readonly gateway: string | null
  readonly ostree: string | null
  readonly dryRun: boolean
  /** null: no limit. */
  readonly maxRefused: number | null
  /** `sqlite:/absolute/path`; null: devices.sqlite in the directory. */
  readonly store: string | null
  /** How many signatures a token makes at a time. */
  readonly hsmSessions: number
}

/** Ports of `devices issue`. */
export interface IssueDevicesPorts {
  readonly files: DurableFiles
  readonly inputFiles: InputFiles
  readonly batchFiles: BatchFiles
  readonly stdin: Stdin
  readonly isStdinTerminal: boolean
  readonly stdout: ByteSink
  readonly clock: Clock
  readonly random: Random
  readonly who: () => Who
  readonly progress: Progress
  /** Called with how much of a file or folder has been read, from 0 to 1. */
  readonly onRead?: (fraction: number) => void
  readonly signal: AbortSignal
  readonly access?: KeyAccess
  newBatches(issuer: BatchIssuer): DeviceBatches
}

/** How many rows ended in which way. */
export type IssueCounts = Pick<IssueDevicesResult, 'issued' | 'reused' | 'refused' | 'planned' | 'refusals'>
