import { dirname, isAbsolute, join } from 'node:path'
import type { FileStatus, FileSystem, Person } from '../ports.js'

/**
 * Whose is a file? Nothing that a file says is acted on before it is known to be ours: no module loaded, no server asked, no
 * secret given. The decisions are pure functions over what the file system shows; {@link resolvePath} gathers that.
 */

/** One folder, symbolic link or file on the way to a path. */
export interface PathComponent {
  readonly path: string
  readonly kind: FileStatus['kind'] | 'link'
  /** The permission bits; of a link, which has none that matter, 0. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** All that a path leads through, from `/` on. */
export interface ResolvedPath {
  readonly components: readonly PathComponent[]
  /** Is the end there? Otherwise the last component is the folder in which something is missing. */
  readonly exists: boolean
}

/** As many as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40

/** Everything on the way to `path` (absolute), through each symbolic link as the kernel follows it. */
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

/** Why somebody else could have written what is here; null: only we or root can. A clause. */
export function whyForeign(at: PathComponent, { uid, privateGroup }: Person, mayGroupWrite = false): string | null {
  if (at.uid !== 0 && at.uid !== uid) return `${at.path} belongs to another user (uid ${at.uid})`
  const isPrivate = mayGroupWrite && at.gid === privateGroup
  return (at.mode & (isPrivate ? 0o002 : 0o022)) === 0
    ? null
    : `others can write to ${at.path} (mode ${octal(at.mode)})`
}

/**
 * The strict rule, for code that is to be loaded: why somebody else could have put it there; null: nobody could. Everything on
 * the way belongs to us or to root, and nobody else can write it. In a sticky folder (`/tmp`) what is ours stays ours.
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

/** The folder above the end of a way in which everybody can rename everything; undefined: there is none. */
export function openFolderAbove(way: ResolvedPath): PathComponent | undefined {
  return foldersAbove(way).find(({ mode }) => (mode & 0o1002) === 0o0002)
}

/** Who else could put another directory in the place of one of ours: a sentence for each folder above that is not closed. */
export function warningsAbove(way: ResolvedPath, { uid, privateGroup }: Person): readonly string[] {
  const sentences = foldersAbove(way).flatMap(({ path, mode, uid: owner, gid }) => {
    if (owner !== 0 && owner !== uid)
      return [`${path} belongs to another user (uid ${owner}), who can put something else in its place.`]
    // The sticky bit leaves renaming to the owner.
    if ((mode & 0o1020) !== 0o0020 || gid === 0 || gid === privateGroup) return []
    return [`The group ${gid} can rename what is in ${path} (mode ${octal(mode)}).`]
  })
  return [...new Set(sentences)]
}

function foldersAbove({ components, exists }: ResolvedPath): readonly PathComponent[] {
  return components.slice(0, exists ? -1 : undefined).filter(({ kind }) => kind === 'directory' || kind === 'link')
}

/**
 * The group of a user that has no other member, as /etc/passwd and /etc/group say it; null: there is none.
 *
 * @param gid the group in effect
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
  // In a container neither may have a name: then the usual numbers decide.
  return entry !== undefined || gid === uid ? gid : null
}

function rowsOf(text: string): readonly (readonly string[])[] {
  return text.split('\n').map((line) => line.split(':'))
}

/** Permission bits in words. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
