import type { ChildProcessByStdio } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { release } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { FileSystemSync } from './ports.js'

/** Local file systems, which write everything and report every error. FUSE, NFS and overlays do less on syncfs(2). */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0x01021994, // tmpfs
])

/** The first Linux whose syncfs(2) reports that earlier writes failed, as its manual page says. */
const SINCE = [5, 8] as const

/** What `sync` says of a disk that fails. */
const DISK_ERRORS: readonly (readonly [RegExp, string])[] = [
  [/Input\/output error/, 'EIO'],
  [/No space left on device/, 'ENOSPC'],
  [/Disk quota exceeded/, 'EDQUOT'],
]

/** Syncs its working directory for each line that it reads, and writes what `sync` says, then ` STATUS`. */
const SCRIPT = 'while read -r _; do sync -f . 2>&1; echo " $?"; done'

/**
 * See {@link FileSystem.openSync}. Node has no syncfs(2), and sync(1) of coreutils and BusyBox has. A shell starts it each
 * time, because a process as large as ours takes several milliseconds to fork.
 */
export async function openFileSystemSync(directory: string): Promise<FileSystemSync | null> {
  if (process.platform !== 'linux' || !reportsErrors(release()) || !LOCAL_TYPES.has(statfsSync(directory).type))
    return null
  const { spawn } = await import('node:child_process')
  // The environment may contain PINs, so the child gets only PATH, and the language of its errors.
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' }
  // Detached, so that Ctrl-C does not also kill the child, as if the disk had failed.
  const child = spawn('sh', ['-c', SCRIPT], { cwd: directory, stdio: ['pipe', 'pipe', 'ignore'], env, detached: true })
  const ask = asker(child)
  const close = async () => {
    child.stdin.end()
  }
  const end = await ask().catch(() => null)
  if (end !== null && end.status === 0)
    return { sync: combined(async () => requireSynced(directory, await ask())), close }
  await close()
  if (end !== null && errorOf(end.text) !== undefined) requireSynced(directory, end)
  return null
}

/** Whether syncfs(2) of a Linux reports errors. */
export function reportsErrors(linuxRelease: string): boolean {
  const [major = 0, minor = 0] = linuxRelease.split('.').map((part) => Number.parseInt(part, 10))
  return major > SINCE[0] || (major === SINCE[0] && minor >= SINCE[1])
}

interface End {
  readonly status: number
  readonly text: string
}

/** Asks the script for one sync; one at a time. */
function asker(child: ChildProcessByStdio<Writable, Readable, null>): () => Promise<End> {
  let text = ''
  let answer: { resolve(end: End): void; reject(error: Error): void } | null = null
  let failure: Error | null = null
  const fail = (error: Error) => {
    failure ??= error
    answer?.reject(failure)
  }
  child.on('error', fail)
  child.on('close', () => fail(new Error('the shell that runs sync has ended')))
  child.stdin.on('error', fail)
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more
    const status = /^ (\d+)\n/m.exec(text)?.[1]
    if (status === undefined) return
    answer?.resolve({ status: Number(status), text })
    text = ''
  })
  return () =>
    new Promise((resolve, reject) => {
      answer = { resolve, reject }
      if (failure === null) child.stdin.write('\n')
      else reject(failure)
    })
}

function requireSynced(directory: string, { status, text }: End): void {
  if (status === 0) return
  // It worked before, so whatever it says, the disk is in doubt.
  const code = errorOf(text) ?? 'EIO'
  throw Object.assign(new Error(`${code}: syncfs '${directory}'`), { code, path: directory })
}

function errorOf(text: string): string | undefined {
  return DISK_ERRORS.find(([pattern]) => pattern.test(text))?.[1]
}

/** Those who wait for a sync that has not begun get the same one. */
function combined(sync: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | null = null
  return () => {
    if (next !== null) return next
    const begin = () => {
      next = null
      return sync()
    }
    next = running.then(begin, begin)
    running = next
    return next
  }
}
