import { createHash } from 'node:crypto'
import * as z from 'zod/mini'
import { slicesOf } from '../../../chunks.js'
import type { DeviceRegister } from '../../../devices/register.js'
import type { SeenCertificate } from '../../../devices/renewal.js'
import { requirePkiDirectory } from '../../../directory/require.js'
import { FpkiError } from '../../../errors.js'
import { jsonDocument } from '../../../json-document.js'
import type { Clock, DurableFiles, Random } from '../../../ports.js'
import { textLines } from '../../../storage/text-lines.js'
import { type LogPorts, openLog } from '../input/log.js'
import { requireToWrite } from '../lines/change-register.js'
import type { RegisterChoice } from '../open-register.js'
import { readSeenLine, type SeenLine } from './seen-line.js'

/** What `fpki devices seen --json` prints. */
export const seenDevicesResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** Lines of the log, without empty ones. */
  lines: z.int(),
  /** Of these, without a serial number or fingerprint. */
  unreadable: z.int(),
  /** Different serial numbers and fingerprints. */
  certificates: z.int(),
  /** Of these, which the register does not know, or which have expired. */
  unknown: z.int(),
  /** Certificates that were seen for the first time. */
  first: z.int(),
  /** Older certificates of their devices that ended with that. */
  superseded: z.int(),
})

/** See {@link seenDevicesResult}. */
export type SeenDevicesResult = z.infer<typeof seenDevicesResult>

/** Options of {@link seenDevices}. */
export interface SeenDevicesOptions extends RegisterChoice {
  /** The log, which may be compressed with gzip: a path, or null for stdin. */
  readonly from: string | null
}

/** Ports of {@link seenDevices}. */
export interface SeenDevicesPorts extends LogPorts {
  readonly files: DurableFiles
  readonly random: Random
  readonly clock: Clock
}

/** A line of a log of requests; a longer one is counted as unreadable. */
const MAX_LINE = 8192

/** They are all in memory, so that a certificate is recorded once, however often it is in the log. */
const MAX_CERTIFICATES = 1_000_000

/** Certificates of one transaction. */
const AT_ONCE = 500

/**
 * Records which certificates a gateway has seen, from its log. A device that has used its newest certificate does not need the
 * ones before any more, so they end.
 *
 * @throws FpkiError ERR_BAD_FILE when the log cannot be read, or has more than a million certificates; ERR_NOT_A_DIRECTORY,
 *   ERR_NOT_INITIALIZED without a register
 */
export async function seenDevices(options: SeenDevicesOptions, ports: SeenDevicesPorts): Promise<SeenDevicesResult> {
  await requirePkiDirectory(ports.files, options.directory)
  const register = await requireToWrite(options, ports)
  try {
    const now = ports.clock().getTime()
    const { seen, lines, unreadable } = await readLog(options.from, now, ports)
    const recorder = recorderOf(register)
    const scene = { register, recorder, now, signal: ports.signal }
    const fingerprints = await recordSerials(seen, scene)
    const { known: byFingerprint } = await recordFingerprints(fingerprints, scene)
    const unknown = fingerprints.unknown + fingerprints.wanted.size - byFingerprint
    const counts = { lines, unreadable, certificates: seen.size, unknown }
    return { directory: options.directory, ...counts, ...(await recorder.finish()) }
  } finally {
    await register.close()
  }
}

/** By the digits in the log, with the first time of each. */
type Seen = ReadonlyMap<string, SeenLine & { readonly at: number }>

async function readLog(from: string | null, now: number, ports: LogPorts) {
  const { octets, what } = await openLog(from, ports)
  const seen = new Map<string, SeenLine & { readonly at: number }>()
  const counts = { lines: 0, unreadable: 0 }
  for await (const some of textLines(octets, { maxBytes: MAX_LINE, isAnyEncoding: true })) {
    ports.signal?.throwIfAborted()
    for (const { text } of some.filter((line) => line.text?.trim() !== '')) {
      const line = text === null ? null : readSeenLine(text)
      counts.lines++
      if (line === null) counts.unreadable++
      else addTo(seen, line, now)
    }
    if (seen.size > MAX_CERTIFICATES) throw tooMany(what)
  }
  return { seen, ...counts }
}

/** A gateway whose clock is fast has seen it by now. */
function addTo(seen: Map<string, SeenLine & { readonly at: number }>, line: SeenLine, now: number): void {
  const digits = line.fingerprint ?? line.serial ?? ''
  const at = Math.min(line.at ?? now, now)
  const earlier = seen.get(digits)
  if (earlier === undefined || at < earlier.at) seen.set(digits, { ...line, at })
}

/** Fingerprints to look for, with the time of each; `unknown`: how many serial numbers the register does not know. */
interface Fingerprints {
  readonly wanted: ReadonlyMap<string, number>
  readonly unknown: number
}

/** Where certificates are looked up and recorded. */
interface Scene {
  readonly register: Pick<DeviceRegister, 'statuses' | 'allStatuses'>
  readonly recorder: Recorder
  readonly now: number
  readonly signal: AbortSignal | undefined
}

/** Records what is the serial number of a certificate. What is not may be a fingerprint. */
async function recordSerials(seen: Seen, { register, recorder, now, signal }: Scene): Promise<Fingerprints> {
  const wanted = new Map<string, number>()
  let unknown = 0
  for (const some of slicesOf([...seen.values()], AT_ONCE)) {
    signal?.throwIfAborted()
    const serials = some.flatMap(({ serial }) => (serial === null ? [] : [serial]))
    const statuses = new Set((await register.statuses(serials, now)).map((status) => status?.serial))
    for (const { serial, fingerprint, at } of some) {
      if (serial !== null && statuses.has(serial)) await recorder.add({ serial, at })
      else if (fingerprint !== null) wanted.set(fingerprint, at)
      else unknown++
    }
  }
  return { wanted, unknown }
}

/** One pass over the register, however many there are. */
async function recordFingerprints(
  { wanted }: Fingerprints,
  { register, recorder, now, signal }: Scene,
): Promise<{ readonly known: number }> {
  const lengths = new Set([...wanted.keys()].map(({ length }) => length))
  const hashes = [...(lengths.has(40) ? ['sha1'] : []), ...(lengths.has(64) ? ['sha256'] : [])]
  let known = 0
  if (hashes.length === 0) return { known }
  for await (const { serial, der } of register.allStatuses({ ca: null, at: now })) {
    signal?.throwIfAborted()
    for (const hash of hashes) {
      const at = wanted.get(createHash(hash).update(der).digest('hex'))
      if (at === undefined) continue
      known++
      await recorder.add({ serial, at })
    }
  }
  return { known }
}

interface Recorder {
  add(certificate: SeenCertificate): Promise<void>
  finish(): Promise<Pick<SeenDevicesResult, 'first' | 'superseded'>>
}

function recorderOf(register: Pick<DeviceRegister, 'seen'>): Recorder {
  const counts = { first: 0, superseded: 0 }
  let waiting: SeenCertificate[] = []
  const record = async () => {
    const { first, superseded } = await register.seen(waiting)
    waiting = []
    counts.first += first
    counts.superseded += superseded
  }
  return {
    add: async (certificate) => {
      waiting.push(certificate)
      if (waiting.length === AT_ONCE) await record()
    },
    finish: async () => {
      if (waiting.length > 0) await record()
      return counts
    },
  }
}

function tooMany(what: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `Cannot read ${what}: it has more than ${MAX_CERTIFICATES} different certificates.`,
    'Nothing was recorded. Split the log, such as with `split -l 1000000`.',
    { option: 'from' },
  )
}
