import type { ResolvedPath } from './trust.js'

/** File system types whose files are always created on this machine. */
const LOCAL_TYPES = ['tmpfs', 'ramfs', 'overlay']

/** A line of proc_pid_mountinfo(5). */
interface Mount {
  readonly point: string
  readonly options: readonly string[]
  readonly type: string
}

/**
 * Why file owners are not trustworthy at the end of a path, as a clause; null when they are. A USB stick, an image or a FUSE
 * file system defines its own owners, and is mounted `nosuid` when a user mounts it.
 *
 * @param mountinfo the text of /proc/self/mountinfo; empty when unknown
 */
export function whyForeignMount({ components }: ResolvedPath, mountinfo: string): string | null {
  const end = components.at(-1)?.path ?? '/'
  const above = mountsIn(mountinfo).filter(({ point }) => point === '/' || `${end}/`.startsWith(`${point}/`))
  // Of two mounts at the same point, the later one in the list is on top.
  const innermost = above.reduce<Mount | null>(
    (best, mount) => (best === null || mount.point.length >= best.point.length ? mount : best),
    null,
  )
  if (innermost === null || innermost.point === '/' || LOCAL_TYPES.includes(innermost.type)) return null
  if (!innermost.options.includes('nosuid')) return null
  return `it is on ${innermost.point}, which is mounted nosuid (${innermost.type}) and may come from another machine`
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

/** Decodes octal escapes of spaces and similar characters. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
