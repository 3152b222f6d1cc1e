import { basename, dirname, join, relative } from 'node:path'
import type { DurableFiles } from '../ports.js'

type Files = Pick<DurableFiles, 'realPath'>

/** Whether a path, which need not exist, is a directory or in it, also by way of symbolic links. */
export async function isInDirectory(path: string, directory: string, files: Files): Promise<boolean> {
  return isInside(path, directory) || isInside(await realPathOf(path, files), await realPathOf(directory, files))
}

/** A path without symbolic links, as far as it exists. */
export async function realPathOf(path: string, files: Files): Promise<string> {
  const real = await files.realPath(path)
  if (real !== null || dirname(path) === path) return real ?? path
  return join(await realPathOf(dirname(path), files), basename(path))
}

/** The same by its words alone. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path)
  return way === '' || !/^\.\.(\/|$)/.test(way)
}
