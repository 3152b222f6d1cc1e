import * as fs from 'node:fs'
import { promisify } from 'node:util'
import type { FileSystem } from '../ports.js'
import { nodeFileSystem } from './node-file-system.js'

const fsync = promisify(fs.fsync)

/**
 * The file system of this machine for whoever writes many files at once: syncs run in libuv's threads, where the kernel
 * combines those that wait. Everything else takes less time than handing it to a thread does.
 */
export function concurrentFileSystem(): FileSystem {
  return {
    ...nodeFileSystem(fsync),
    syncDirectory: async (path) => {
      const fd = fs.openSync(path, 'r')
      try {
        await fsync(fd)
      } finally {
        fs.closeSync(fd)
      }
    },
  }
}
