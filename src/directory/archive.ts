import { FpkiError } from '../errors.js'

/** A file or a folder of an archive. */
export interface ArchiveEntry {
  /** Relative, with `/` between its parts. */
  readonly path: string
  readonly kind: 'file' | 'directory'
  /** The permission bits, 0o000 to 0o777. */
  readonly mode: number
  /** Empty for a folder. */
  readonly content: Uint8Array
}

const BLOCK = 512
const MAX_NAME = 100
const MAX_PREFIX = 155
const FILE = '0'
const DIRECTORY = '5'

/** The fields of a header (POSIX.1-1988, ustar): where each begins, and how long it is. */
const FIELD = {
  name: [0, MAX_NAME],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  time: [136, 12],
  sum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  prefix: [345, MAX_PREFIX],
} as const

const MAGIC = 'ustar\x0000'

/** A tar archive that any tar reads, with all times set to `time`. Throws ERR_BAD_FILE when a name is too long for it. */
export function writeArchive(entries: readonly ArchiveEntry[], time: Date): Buffer {
  const parts = entries.flatMap((entry) => {
    const { content } = entry
    return [headerOf(entry, time), content, Buffer.alloc(-content.length & (BLOCK - 1))]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

/**
 * The entries of an archive that {@link writeArchive} has made. Whatever else a tar may hold is refused: links, devices,
 * absolute paths, `..`, one path twice, a file in no folder, modes beyond permissions, and octets that are not used.
 *
 * @throws FpkiError ERR_BAD_FILE
 */
export function readArchive(tar: Uint8Array): readonly ArchiveEntry[] {
  const entries: ArchiveEntry[] = []
  const folders = new Set([''])
  const paths = new Set<string>()
  let at = 0
  while (!isEmpty(tar.subarray(at, at + BLOCK))) {
    const entry = entryAt(tar, at)
    const folder = entry.path.slice(0, Math.max(entry.path.lastIndexOf('/'), 0))
    if (paths.has(entry.path)) throw refused(`has ${JSON.stringify(entry.path)} twice`)
    if (!folders.has(folder)) throw refused(`has ${JSON.stringify(entry.path)} in no folder`)
    paths.add(entry.path)
    if (entry.kind === 'directory') folders.add(entry.path)
    entries.push(entry)
    at += BLOCK + Math.ceil(entry.content.length / BLOCK) * BLOCK
  }
  if (tar.length !== at + 2 * BLOCK || !isEmpty(tar.subarray(at))) throw refused('does not end where it should')
  return entries
}

function headerOf({ path, kind, mode, content }: ArchiveEntry, time: Date): Buffer {
  const header = Buffer.alloc(BLOCK)
  const put = (field: keyof typeof FIELD, text: string) => header.write(text, FIELD[field][0], 'utf8')
  const [prefix, name] = splitPath(kind === 'directory' ? `${path}/` : path)
  put('name', name)
  put('prefix', prefix)
  put('mode', octal(mode, 7))
  put('uid', octal(0, 7))
  put('gid', octal(0, 7))
  put('size', octal(content.length, 11))
  put('time', octal(Math.floor(time.getTime() / 1000), 11))
  put('type', kind === 'directory' ? DIRECTORY : FILE)
  put('magic', MAGIC)
  put('sum', `${octal(sumOf(header), 6)}\0 `)
  return header
}

/** A path of more than 100 octets is parted at a slash. */
function splitPath(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= MAX_NAME) return ['', path]
  const slashes = [...path.matchAll(/\/(?=.)/gs)].map(({ index }) => index)
  const at = slashes.find((index) => Buffer.byteLength(path.slice(index + 1)) <= MAX_NAME)
  if (at !== undefined && Buffer.byteLength(path.slice(0, at)) <= MAX_PREFIX)
    return [path.slice(0, at), path.slice(at + 1)]
  const hint = 'Give it a shorter name, and make the backup again.'
  throw new FpkiError('ERR_BAD_FILE', `The name ${JSON.stringify(path)} is too long for a backup.`, hint)
}

function entryAt(tar: Uint8Array, at: number): ArchiveEntry {
  const header = Buffer.from(tar.subarray(at, at + BLOCK))
  if (header.length < BLOCK) throw refused('is cut off')
  const { size, time, ...entry } = readHeader(header)
  const content = tar.subarray(at + BLOCK, at + BLOCK + size)
  const padding = tar.subarray(at + BLOCK + size, at + BLOCK + Math.ceil(size / BLOCK) * BLOCK)
  if (content.length < size || !isEmpty(padding, 0)) throw refused('is cut off')
  // What is not read is as fpki writes it, or it means something that fpki does not know.
  if (!headerOf({ ...entry, content }, time).equals(header)) throw refused('has a broken header')
  if (entry.mode > 0o777 || (entry.kind === 'directory' && size > 0)) {
    throw refused(`has a wrong mode or size for ${entry.path}`)
  }
  return { ...entry, content }
}

function readHeader(header: Buffer): Omit<ArchiveEntry, 'content'> & { readonly size: number; readonly time: Date } {
  const text = (field: keyof typeof FIELD) => {
    const [from, size] = FIELD[field]
    return header.toString('utf8', from, from + size).replace(/\0*$/, '')
  }
  const whole = text('prefix') === '' ? text('name') : `${text('prefix')}/${text('name')}`
  const type = text('type')
  const isKnown = text('magic') === MAGIC && (type === FILE || type === DIRECTORY)
  if (!isKnown) throw refused(`has ${JSON.stringify(whole)}, which is no plain file or folder`)
  const kind = type === DIRECTORY ? 'directory' : 'file'
  const path = checkPath(kind === 'directory' ? whole.replace(/\/$/, '') : whole)
  const time = new Date(number(text('time')) * 1000)
  return { path, kind, mode: number(text('mode')), size: number(text('size')), time }
}

function checkPath(path: string): string {
  const parts = path.split('/')
  const isWrong = (part: string) => part === '' || part === '.' || part === '..' || /[\p{Cc}\ufffd\\]/u.test(part)
  if (parts.some(isWrong)) throw refused(`has the path ${JSON.stringify(path)}`)
  return path
}

function number(text: string): number {
  if (/^[0-7]{1,11}$/.test(text)) return Number.parseInt(text, 8)
  throw refused('has a broken number')
}

/** The sum of a header's octets, with blanks for the sum itself. */
function sumOf(header: Uint8Array): number {
  const [from, size] = FIELD.sum
  return header.reduce((sum, octet, at) => sum + (at >= from && at < from + size ? 0x20 : octet), 0)
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

/** Nothing but zeros; of one block, or of what is left. */
function isEmpty(octets: Uint8Array, least = 1): boolean {
  if (octets.length < least) throw refused('is cut off')
  return octets.every((octet) => octet === 0)
}

function refused(reason: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `The archive in the backup ${reason}.`,
    'fpki has not made it, and nothing of it is taken. Take another backup.',
  )
}
