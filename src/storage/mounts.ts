import type { ResolvedPath } from './trust.js'

/** File systems whose files were made on this machine, whoever mounted them. */
const LOCAL_TYPES = ['tmpfs', 'ramfs', 'overlay']

/** A line of proc_pid_mountinfo(5). */
interface Mount {
  readonly point: string
  readonly options: readonly string[]
  readonly type: string
}

/**
 * Why owners mean nothing where a way ends: a stick, an image or a FUSE file system says itself who owns what is on it, and the system
 * mounts it `nosuid` when a user brings it along. A clause; null: the owners are this machine's.
 *
 * @param mountinfo the text of /proc/self/mountinfo; empty: not known
 */
export function whyForeignMount({ components }: ResolvedPath, mountinfo: string): string | null {
  const end = components.at(-1)?.path ?? '/'
  const above = mountsIn(mountinfo).filter(({ point }) => point === '/' || `${end}/`.startsWith(`${point}/`))
  // Of two mounts at one point the later one counts, and it comes later in the list.
  const innermost = above.reduce<Mount | null>(
    (best, mount) => (best === null || mount.point.length >= best.point.length ? mount : best),
    null,
  )
  if (innermost === null || innermost.point === '/' || LOCAL_TYPES.includes(innermost.type)) return null
  if (!innermost.options.includes('nosuid')) return null
  return `it is on ${innermost.point}, which is mounted nosuid (${innermost.type}): what is there may come from another machine`
}

function mountsIn(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [fields = '', device = ''] = line.split(' - ')
    const [, , , , point, options] = fields.split(' ')
    const [type = ''] = device.split(' ')
    if (point === undefined || options === undefined) return []
    return [{ point: unescaped(point), options: options.split(','), type }]
  })
}

/** Blanks and the like are written in octal. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
