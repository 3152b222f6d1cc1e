import { basename, dirname } from 'node:path'
import { FpkiError } from '../../../errors.js'
import { MAX_CSR_BYTES } from '../../../pki/csr.js'
import type { Progress } from '../../../ports.js'
import { shellWord } from '../../../shell-word.js'
import type { Stdin } from '../../../storage/input-file.js'
import type { InputFiles } from '../../../storage/input-files.js'
import { csvRows } from './csv.js'
import { checkHead, detectFormat, HEAD_BYTES, isGzip, type StreamFormat } from './detect.js'
import { gunzipped, type OctetSource, octetSource, readError } from './octets.js'
import { pemRequests } from './pem.js'
import { folderRequests, ROWS_AT_ONCE, requestOctets } from './request-files.js'
import { isDer } from './request-problem.js'
import { type InputRow, type ReadCsrFile, shown, unreadable } from './row.js'
import { tarRequests } from './tar.js'
import { jsonLines, uuidList } from './text-inputs.js'

/** The format of an input, as `--format` names it. */
export type DeviceInputFormat = StreamFormat | 'dir'

/** Where the devices of a batch are read from. */
export interface DeviceInputSource {
  /** null: stdin. */
  readonly path: string | null
  readonly format: DeviceInputFormat | 'auto'
}

/** What {@link openDeviceInput} needs. */
export interface DeviceInputPorts {
  readonly files: InputFiles
  readonly stdin: Stdin
  readonly isStdinTerminal: boolean
  readonly progress: Pick<Progress, 'note'>
  /** Called with how much of a file or folder has been read, from 0 to 1. */
  readonly onRead?: ((fraction: number) => void) | undefined
  /** Stops reading, with its reason. */
  readonly signal?: AbortSignal | undefined
}

/** An input whose format is known, and that is read on demand. */
export interface OpenDeviceInput {
  /** Its name in messages. */
  readonly what: string
  readonly format: DeviceInputFormat
  /**
   * The rows, to be read once: as many as are there without waiting, at most 256 at a time. Throws ERR_BAD_FILE, after the
   * rows before it, where the input cannot be read any further. Whoever stops early closes the input.
   */
  readonly rows: AsyncIterable<readonly InputRow[]>
  /** For whoever never begins to read the rows. */
  close(): Promise<void>
}

/**
 * Opens a batch of devices: a file, a folder, or stdin. Neither a file nor the rows are ever whole in memory; text and
 * archives may be compressed with gzip.
 *
 * @throws FpkiError ERR_USAGE when stdin is a terminal; ERR_BAD_FILE when the input cannot be read, or is in no known format
 */
export async function openDeviceInput(source: DeviceInputSource, ports: DeviceInputPorts): Promise<OpenDeviceInput> {
  ports.signal?.throwIfAborted()
  const what = source.path ?? 'stdin'
  const kind = kindOf(source, ports)
  if (kind === 'directory') {
    const rows = folderRequests(what, ports.files, (text) => ports.progress.note(text), ports.onRead)
    return { what, format: 'dir', rows: together(rows, ports.signal), close: async () => {} }
  }
  const octets = source.path === null ? ports.stdin : fileOctets(source.path, ports)
  const csrFiles = kind === 'file' && source.path !== null ? filesBeside(source.path, ports.files) : noCsrFiles
  return openStream(octetSource(octets, what, ports.signal), { source, what, csrFiles, ports })
}

/** The octets of a file; says how far it has been read. */
async function* fileOctets(path: string, { files, onRead }: DeviceInputPorts): AsyncGenerator<Uint8Array> {
  const size = files.size(path)
  let read = 0
  for await (const octets of files.octets(path)) {
    read += octets.length
    if (size !== null) onRead?.(Math.min(read / size, 1))
    yield octets
  }
}

interface Stream {
  readonly source: DeviceInputSource
  readonly what: string
  readonly csrFiles: ReadCsrFile
  readonly ports: DeviceInputPorts
}

async function openStream(octets: OctetSource, stream: Stream): Promise<OpenDeviceInput> {
  const { source, what, ports } = stream
  let content = octets
  try {
    if (isGzip(await octets.peek(HEAD_BYTES))) content = gunzipped(octets, what, ports.signal)
    const head = await content.peek(HEAD_BYTES)
    const wanted = source.format === 'dir' ? 'auto' : source.format
    checkHead(head, what, wanted)
    const format = wanted === 'auto' ? detectFormat(head, source.path, what) : wanted
    const rows = format === 'pem' && isDer(head) ? derRequest(content, stream) : readerOf(format, content, stream)
    return { what, format, rows: together(rows, ports.signal), close: () => content.close() }
  } catch (error) {
    await content.close()
    throw error
  }
}

function readerOf(format: StreamFormat, content: OctetSource, { what, csrFiles, ports }: Stream) {
  const note = (text: string) => ports.progress.note(text)
  if (format === 'csv') return csvRows(content, what, csrFiles, note)
  if (format === 'jsonl') return jsonLines(content, what, csrFiles)
  if (format === 'tar') return tarRequests(content, what, note)
  return format === 'pem' ? pemRequests(content, what) : uuidList(content)
}

function kindOf({ path, format }: DeviceInputSource, ports: DeviceInputPorts) {
  if (path === null) {
    if (!ports.isStdinTerminal) return 'pipe'
    const hint = 'Name a file or a folder, or pipe the requests in, such as with < requests.pem'
    throw new FpkiError('ERR_USAGE', 'No requests on stdin: it is a terminal.', hint)
  }
  const kind = statusOf(path, ports.files)
  const look = `Check the path: ls -ld ${shellWord(path)}`
  if (kind === null) throw unreadable(path, 'there is no such file or folder', look)
  if (kind === 'other') throw unreadable(path, 'it is a device or a socket', look)
  if (kind === 'directory' && format !== 'auto' && format !== 'dir')
    throw unreadable(path, `it is a folder, not ${format}`, 'Use --format dir or --format auto.')
  if (kind !== 'directory' && format === 'dir')
    throw unreadable(path, 'it is not a folder', 'Use --format auto, or name a folder.')
  return kind
}

function statusOf(path: string, files: InputFiles) {
  try {
    return files.kindOf(path)
  } catch (error) {
    throw readError(error, path)
  }
}

/** A file that is one request in DER. */
async function* derRequest(content: OctetSource, { source, what }: Stream): AsyncGenerator<readonly InputRow[]> {
  const der = await allOf(content)
  if (der.length > MAX_CSR_BYTES)
    throw unreadable(what, `it is DER, and larger than ${MAX_CSR_BYTES} bytes`, 'A request has 600 bytes or so.')
  yield [requestOctets(der, source.path === null ? what : shown(basename(source.path)))]
}

async function allOf(content: OctetSource): Promise<Buffer> {
  try {
    return await content.peek(MAX_CSR_BYTES + 1)
  } finally {
    await content.close()
  }
}

/** Files that the rows of an input name: in the folder of the input or below it, without any symbolic link. */
function filesBeside(path: string, files: InputFiles): ReadCsrFile {
  const folder = dirname(path)
  return (name) => {
    if (name.startsWith('/')) return { problem: 'an absolute path is not allowed' }
    if (name.includes('\0') || name.split('/').some((part) => ['', '.', '..'].includes(part)))
      return { problem: 'it must be a path below the folder of the input' }
    try {
      return files.read(folder, name, MAX_CSR_BYTES)
    } catch (error) {
      throw readError(error, folder)
    }
  }
}

function noCsrFiles() {
  return { problem: 'only an input in a file can name others; this one is read from a pipe' }
}

async function* together(
  rows: AsyncIterable<readonly InputRow[]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly InputRow[]> {
  for await (const some of rows) {
    for (let start = 0; start < some.length; start += ROWS_AT_ONCE) {
      signal?.throwIfAborted()
      yield some.length <= ROWS_AT_ONCE ? some : some.slice(start, start + ROWS_AT_ONCE)
    }
  }
}
