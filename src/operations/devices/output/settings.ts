import type { BatchFiles, DurableFiles } from '../../../ports.js'
import type { ByteSink } from '../../../storage/sinks.js'
import type { SotaServers } from '../sota-servers.js'

/** The forms of an output: a folder for each device, or one stream. */
export const OUTPUT_FORMATS = ['sota', 'pem', 'csv', 'jsonl', 'tar'] as const
/** See {@link OUTPUT_FORMATS}. */
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

/** Where an output goes. Paths are absolute. */
type OutputTarget =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdout' }

/** An output: `sota` goes into a folder, and the other formats into a file or to stdout. */
export interface OutputPlan {
  readonly target: OutputTarget
  readonly format: OutputFormat
}

/** What the files of all devices have in common. */
export interface DeviceFileSettings extends SotaServers {
  /** The root of trust, PEM. */
  readonly rootPem: string
  /** The device CA that signs, PEM. */
  readonly caPem: string
  /** Certificates that may be of the CA of a device that is not new. Default: none. */
  readonly otherCas?: readonly string[]
  /** For devices whose row has none; null: their images know it. */
  readonly hardwareId: string | null
  /** The folder of the device's configuration, without a slash at its end: `/var/sota`. */
  readonly configDirectory: string
  readonly usesOstree: boolean
}

/** What to open. */
export interface DeviceOutputOptions extends OutputPlan {
  readonly device: DeviceFileSettings
  /** Does fpki make the keys of the devices? */
  readonly makesKeys: boolean
}

/** Ports of an output. */
export interface DeviceOutputPorts {
  readonly files: DurableFiles
  readonly batches: BatchFiles
  readonly stdout: ByteSink
}
