import { dirname, isAbsolute, join } from 'node:path'
import type { FileStatus, FileSystem, Person } from '../ports.js'

/**
 * File ownership. fpki acts on a file only if nobody else could have written it: before it loads a module, connects to a
 * server or sends a secret. The decisions are pure functions of what {@link resolvePath} collects.
 */

/** One folder, symbolic link or file in a path. */
interface PathComponent {
  readonly path: string
  readonly kind: FileStatus['kind'] | 'link'
  /** The permission bits; 0 for a link. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** All components of a path, from `/` on. */
export interface ResolvedPath {
  readonly components: readonly PathComponent[]
  /** Whether the path exists; if not, the last component is the folder in which a name is missing. */
  readonly exists: boolean
}

/** The limit of Linux (path_resolution(7)). */
const MAX_LINKS = 40

/** Resolves an absolute path like the kernel, and returns every component, including symbolic links. */
export async function resolvePath(fs: Pick<FileSystem, 'stat' | 'linkAt'>, path: string): Promise<ResolvedPath> {
  const components: PathComponent[] = []
  const rest = ['/', ...namesIn(path)]
  let here = '/'
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    const next = name === '..' ? dirname(here) : join(here, name)
    const link = await fs.linkAt(next)
    const component = link === null ? await waypoint(fs, next) : { path: next, kind: 'link' as const, mode: 0, ...link }
    if (component === null) return { components, exists: false }
    components.push(component)
    if (link === null) here = next
    else if (isAbsolute(link.target)) here = '/'
    rest.unshift(...namesIn(link?.target ?? ''))
    requireEnd(components, path)
  }
  return { components, exists: true }
}

async function waypoint(fs: Pick<FileSystem, 'stat'>, path: string): Promise<PathComponent | null> {
  const status = await fs.stat(path)
  return status === null ? null : { path, ...status }
}

function requireEnd(components: readonly PathComponent[], path: string): void {
  if (components.filter(({ kind }) => kind === 'link').length <= MAX_LINKS) return
  throw Object.assign(new Error(`ELOOP, '${path}'`), { code: 'ELOOP', path })
}

function namesIn(path: string): readonly string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

/** Why another user could have written a file, as a clause; null when only this user and root could. */
export function whyForeign(at: PathComponent, { uid, privateGroup }: Person, mayGroupWrite = false): string | null {
  if (at.uid !== 0 && at.uid !== uid) return `${at.path} belongs to another user (uid ${at.uid})`
  const isPrivate = mayGroupWrite && at.gid === privateGroup
  return (at.mode & (isPrivate ? 0o002 : 0o022)) === 0
    ? null
    : `others can write to ${at.path} (mode ${octal(at.mode)})`
}

/**
 * The strict rule for code to be loaded: why another user could have put it there; null when nobody could. All components
 * must belong to this user or root, and not be writable by others. Files in a sticky folder (`/tmp`) are safe.
 */
export function whyForeignPath({ components, exists }: ResolvedPath, person: Person): string | null {
  const reasons = components.map((component, at) => {
    const isEnd = at === components.length - 1
    const isSticky = component.kind === 'directory' && !isEnd && (component.mode & 0o1000) !== 0
    return whyForeign(isSticky ? { ...component, mode: 0 } : component, person)
  })
  const missing = exists ? null : whyForeign(components.at(-1) ?? ROOT, person)
  return reasons.find((reason) => reason !== null) ?? missing
}

const ROOT: PathComponent = { path: '/', kind: 'directory', mode: 0o755, uid: 0, gid: 0 }

/** The first folder above the end of a path in which everybody can rename files. */
export function openFolderAbove(way: ResolvedPath): PathComponent | undefined {
  return foldersAbove(way).find(({ mode }) => (mode & 0o1002) === 0o0002)
}

/** Warnings about other users who could replace one of the folders above, one sentence each. */
export function warningsAbove(way: ResolvedPath, { uid, privateGroup }: Person): readonly string[] {
  const sentences = foldersAbove(way).flatMap(({ path, mode, uid: owner, gid }) => {
    if (owner !== 0 && owner !== uid)
      return [`${path} belongs to another user (uid ${owner}), who can replace its content.`]
    // With the sticky bit, only owners can rename.
    if ((mode & 0o1020) !== 0o0020 || gid === 0 || gid === privateGroup) return []
    return [`The group ${gid} can rename files in ${path} (mode ${octal(mode)}).`]
  })
  return [...new Set(sentences)]
}

function foldersAbove({ components, exists }: ResolvedPath): readonly PathComponent[] {
  return components.slice(0, exists ? -1 : undefined).filter(({ kind }) => kind === 'directory' || kind === 'link')
}

/**
 * The effective group `gid` if the user is its only member, according to /etc/passwd and /etc/group; otherwise null.
 */
export function privateGroupOf(
  passwd: string,
  group: string,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): number | null {
  const users = rowsOf(passwd)
  const names = users.filter(([, , id]) => id === String(uid)).map(([name]) => name)
  const entry = rowsOf(group).find(([, , id]) => id === String(gid))
  const members = entry?.[3]?.split(',').filter(Boolean) ?? []
  const primary = users.filter(([, , , id]) => id === String(gid)).map(([name]) => name)
  const others = [...members, ...primary].filter((name) => !names.includes(name))
  if (others.length > 0) return null
  // In a container, neither may have a name; then compare the numbers.
  return entry !== undefined || gid === uid ? gid : null
}

function rowsOf(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.split(':'))
}

/** Formats permission bits. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
