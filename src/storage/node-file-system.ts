import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { FpkiError, systemErrorCode } from '../errors.js'
import { lazy } from '../lazy.js'
import type { FileLock, FileStatus, FileSystem, LinkStatus, NewFile, Person, ReadableFile } from '../ports.js'
import { openFileSystemSync } from './sync-file-system.js'
import { privateGroupOf } from './trust.js'

const read = promisify(fs.read)

/** Locks an open file with the options of flock(1); resolves to whether the lock was free. Throws ERR_STORAGE. */
export type Flock = (fd: number, flags: readonly string[]) => Promise<boolean>

/**
 * The {@link FileSystem} of this machine. Its calls are synchronous inside: a command has nothing else to do meanwhile, and
 * Node's promises would make `ca create` a third slower.
 *
 * @param sync of new files
 * @param flock by default flock(1), which only tests replace
 */
export function nodeFileSystem(
  sync: (fd: number) => void | Promise<void> = fs.fsyncSync,
  flock: Flock = flockProgram,
): FileSystem {
  return {
    uid: process.geteuid?.() ?? 0,
    person: lazy(thisPerson),
    mountinfo: () => textOf('/proc/self/mountinfo'),
    linkAt: async (path) => unless(['EINVAL', 'ENOENT'], null, () => linkOf(path)),
    realPath: async (path) => fs.realpathSync(path),
    stat: async (path) => unless(['ENOENT'], null, () => statusOf(path)),
    list: async (path) => unless(['ENOENT'], null, () => fs.readdirSync(path).sort()),
    read: async (path, maxBytes) => unless(['ENOENT'], null, () => readAtMost(path, maxBytes)),
    openToRead: async (path, maxBytes) => unless(['ENOENT'], null, () => openToRead(path, maxBytes)),
    makeDirectory: async (path, mode) =>
      unless(['EEXIST'], false, () => {
        fs.mkdirSync(path, { mode })
        return true
      }),
    setMode: async (path, mode) => fs.chmodSync(path, mode),
    createFile: async (path, mode) => newFile(openNew(path, mode), sync),
    // The size is synced too: without it the data could not be read (fdatasync(2)).
    openToAppend: async (path, mode) => newFile(openForAppend(path, mode), fs.fdatasyncSync),
    link: async (existingPath, newPath) => fs.linkSync(existingPath, newPath),
    rename: async (oldPath, newPath) => fs.renameSync(oldPath, newPath),
    remove: async (path) => unless(['ENOENT'], undefined, () => fs.unlinkSync(path)),
    removeDirectory: async (path) => unless(['ENOENT'], undefined, () => fs.rmdirSync(path)),
    syncDirectory: async (path) => withOpen(path, 'r', (fd) => fs.fsyncSync(fd)),
    openSync: openFileSystemSync,
    lock: (path, seconds = 0) => lockFile(path, seconds, flock),
    isLocked: (path) => isLocked(path, flock),
  }
}

/** The result of `work`, or `instead` when it fails with one of the error codes. */
function unless<T, U>(codes: readonly string[], instead: U, work: () => T): T | U {
  try {
    return work()
  } catch (error) {
    if (codes.includes(systemErrorCode(error) ?? '')) return instead
    throw error
  }
}

function withOpen<T>(path: string, flags: string | number, work: (fd: number) => T): T {
  const fd = fs.openSync(path, flags)
  try {
    return work(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function statusOf(path: string): FileStatus {
  const status = fs.statSync(path)
  const kind = status.isFile() ? 'file' : status.isDirectory() ? 'directory' : 'other'
  return { kind, mode: status.mode & 0o7777, uid: status.uid, gid: status.gid }
}

/** readlink(2) fails with EINVAL when `path` is not a link. */
function linkOf(path: string): LinkStatus {
  const { uid, gid } = fs.lstatSync(path)
  return { target: fs.readlinkSync(path), uid, gid }
}

function thisPerson(): Person {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0]
  return { uid, privateGroup: privateGroupOf(textOf('/etc/passwd'), textOf('/etc/group'), { uid, gid }) }
}

/** Empty for a missing file: a container may lack them. */
function textOf(path: string): string {
  return unless(['EACCES', 'ENOENT'], '', () => fs.readFileSync(path, 'utf8'))
}

function readAtMost(path: string, maxBytes: number): Uint8Array {
  // Not blocking, so that fpki does not wait forever for a pipe.
  return withOpen(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK, (fd) => {
    const status = fs.fstatSync(fd)
    if (!status.isFile()) throw notAFile(path, status.isDirectory() ? 'EISDIR' : undefined)
    const content = readGrowing(fd, status.size, maxBytes)
    if (content !== null) return content
    throw tooLarge(path, maxBytes)
  })
}

/** null: there is more. Another process may append meanwhile, so the size of the file is only a first guess. */
function readGrowing(fd: number, size: number, maxBytes: number): Uint8Array | null {
  let content = Buffer.alloc(Math.min(size, maxBytes) + 1)
  for (let length = 0; length <= maxBytes; ) {
    if (length === content.length) content = Buffer.concat([content], Math.min(2 * length, maxBytes + 1))
    const bytesRead = fs.readSync(fd, content, length, content.length - length, null)
    if (bytesRead === 0) return content.subarray(0, length)
    length += bytesRead
  }
  return null
}

/** Reads asynchronously: a file of a gigabyte takes seconds, in which a signal must be heard. */
function openToRead(path: string, maxBytes: number): ReadableFile {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  try {
    const status = fs.fstatSync(fd)
    if (!status.isFile()) throw notAFile(path, status.isDirectory() ? 'EISDIR' : undefined)
    if (status.size > maxBytes) throw tooLarge(path, maxBytes)
    return {
      size: status.size,
      read: (position, length) => readAt(fd, position, length),
      close: async () => fs.closeSync(fd),
    }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

async function readAt(fd: number, position: number, length: number): Promise<Uint8Array> {
  const octets = Buffer.allocUnsafe(length)
  let size = 0
  while (size < length) {
    const { bytesRead } = await read(fd, octets, size, length - size, position + size)
    if (bytesRead === 0) break
    size += bytesRead
  }
  return octets.subarray(0, size)
}

function tooLarge(path: string, maxBytes: number): Error {
  return Object.assign(new Error(`'${path}' is larger than ${maxBytes} bytes`), { code: 'ERR_FS_FILE_TOO_LARGE' })
}

function notAFile(path: string, code = 'ERR_FS_NOT_A_FILE'): Error {
  return Object.assign(new Error(`'${path}' is not a file`), { code })
}

/** Sets the exact mode, whatever the umask. */
function openNew(path: string, mode: number): number {
  const fd = fs.openSync(path, 'wx', mode)
  fs.fchmodSync(fd, mode)
  return fd
}

/** Not blocking, and without following a link. */
function openForAppend(path: string, mode: number): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = fs.constants
  const fd = fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOFOLLOW, mode)
  if (fs.fstatSync(fd).isFile()) return fd
  fs.closeSync(fd)
  throw notAFile(path)
}

function newFile(fd: number, sync: (fd: number) => void | Promise<void>): NewFile {
  return {
    write: async (content) => fs.writeFileSync(fd, content),
    sync: async () => sync(fd),
    close: async () => fs.closeSync(fd),
  }
}

/**
 * Node has no flock(2). flock(1) of util-linux locks the open file that it inherits, and exits; the lock stays with our
 * descriptor, and the kernel releases it when this process ends.
 */
async function lockFile(path: string, seconds: number, flock: Flock): Promise<FileLock | null> {
  const { O_WRONLY, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = fs.constants
  const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0o600)
  try {
    if (!fs.fstatSync(fd).isFile()) throw notAFile(path)
    if (await flock(fd, seconds === 0 ? ['-n'] : ['-w', String(seconds)]))
      return { release: async () => fs.closeSync(fd) }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
  fs.closeSync(fd)
  return null
}

/** Tries a shared lock, which needs no write permission, and fails while another process holds the exclusive lock. */
async function isLocked(path: string, flock: Flock): Promise<boolean> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants
  const fd = unless(['ENOENT', 'EACCES', 'ELOOP', 'ENOTDIR'], null, () =>
    fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW),
  )
  if (fd === null) return false
  try {
    return fs.fstatSync(fd).isFile() && !(await flock(fd, ['-n', '-s']))
  } finally {
    fs.closeSync(fd)
  }
}

async function flockProgram(fd: number, flags: readonly string[]): Promise<boolean> {
  // Loaded on demand: commands that only read need no lock, and the module takes 2 ms.
  const { spawn } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    // The environment may contain PINs, so the child gets only PATH.
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
    // Detached, so that Ctrl-C does not also kill the child, as if the lock had failed.
    const child = spawn('flock', [...flags, '3'], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
      env,
      detached: true,
    })
    child.on('error', (cause) => reject(lockError(`cannot start it (${systemErrorCode(cause)})`, cause)))
    child.on('exit', (status, signal) => {
      if (status === 0 || status === 1) resolve(status === 0)
      else reject(lockError(`it exited with ${signal ?? `status ${status}`}`))
    })
  })
}

function lockError(reason: string, cause?: Error): FpkiError {
  return new FpkiError(
    'ERR_STORAGE',
    `Cannot take the lock with the flock program: ${reason}.`,
    'Install util-linux, which provides flock, and use a file system that supports locks.',
    { cause },
  )
}
