import { spawn } from 'node:child_process'
import { type FileHandle, link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { FpkiError, systemErrorCode } from '../errors.js'
import type { FileLock, FileStatus, FileSystem, NewFile } from '../ports.js'

/** The file system of this machine, as the {@link FileSystem} port. */
export function nodeFileSystem(): FileSystem {
  return {
    uid: process.geteuid?.() ?? 0,
    stat: (path) => nullWhenMissing(statusOf(path)),
    list: (path) => nullWhenMissing(readdir(path).then((names) => names.sort())),
    read: (path, maxBytes) => nullWhenMissing(readAtMost(path, maxBytes)),
    makeDirectory: (path, mode) => made(mkdir(path, { mode })),
    createFile: async (path, mode) => newFile(await open(path, 'wx', mode)),
    link,
    rename,
    remove: async (path) => {
      await nullWhenMissing(unlink(path))
    },
    syncDirectory,
    lock: lockFile,
  }
}

async function nullWhenMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  }
}

async function made(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
    throw error
  }
}

async function statusOf(path: string): Promise<FileStatus> {
  const status = await stat(path)
  const kind = status.isFile() ? 'file' : status.isDirectory() ? 'directory' : 'other'
  return { kind, mode: status.mode & 0o7777, uid: status.uid }
}

async function readAtMost(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const content = Buffer.alloc(maxBytes + 1)
    let size = 0
    while (size < content.length) {
      const { bytesRead } = await file.read(content, size, content.length - size)
      if (bytesRead === 0) return content.subarray(0, size)
      size += bytesRead
    }
  } finally {
    await file.close()
  }
  throw Object.assign(new Error(`EFBIG: larger than ${maxBytes} bytes, read '${path}'`), { code: 'EFBIG', path })
}

function newFile(file: FileHandle): NewFile {
  return { write: (content) => file.writeFile(content), sync: () => file.sync(), close: () => file.close() }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/**
 * Node cannot ask for a kernel lock itself. flock(1) of util-linux, which every Debian has, locks the open file that it
 * inherits and ends; the lock stays with our descriptor, and the kernel takes it back when this process dies.
 */
async function lockFile(path: string): Promise<FileLock | null> {
  const file = await open(path, 'a', 0o600)
  try {
    if (await flock(file.fd)) return { release: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  return null
}

function flock(fd: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // The environment may hold PINs: the child gets none of it but the path on which it is found.
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
    const child = spawn('flock', ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd], env })
    child.on('error', (cause) => reject(lockError(`it cannot be started (${systemErrorCode(cause)})`, cause)))
    child.on('exit', (status, signal) => {
      if (status === 0 || status === 1) resolve(status === 0)
      else reject(lockError(`it ended with ${signal ?? `status ${status}`}`))
    })
  })
}

function lockError(reason: string, cause?: Error): FpkiError {
  return new FpkiError(
    'ERR_STORAGE',
    `The lock cannot be taken with the flock program: ${reason}.`,
    'Install util-linux, which brings flock, and keep the directory on a file system that supports locks.',
    { cause },
  )
}
