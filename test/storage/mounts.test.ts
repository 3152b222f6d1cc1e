import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { whyForeignMount } from '../../src/storage/mounts.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'

/** In the form of proc_pid_mountinfo(5). */
const MOUNTS = `22 1 8:1 / / rw,nosuid,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /tmp rw,nosuid,nodev shared:2 - tmpfs tmpfs rw
24 22 8:2 / /home rw,relatime - ext4 /dev/sda2 rw
25 22 7:0 / /run/media/eve/my\\040stick rw,nosuid,nodev,relatime shared:9 master:1 - ext4 /dev/loop0 rw
26 23 0:9 / /tmp/eve rw,nosuid,nodev - fuse.sshfs eve: rw,user_id=1001,allow_other
27 22 0:10 / /srv rw,nosuid - ext4 /dev/sdb1 rw
28 22 0:11 / /srv rw - ext4 /dev/sdc1 rw
`

const pathOn = (path: string) => ({
  components: [{ path, kind: 'file' as const, mode: 0o644, uid: 0, gid: 0 }],
  exists: true,
})

describe('where owners are not this machine’s', () => {
  test.each([
    ['/run/media/eve/my stick/module.so', 'on /run/media/eve/my stick, which is mounted nosuid (ext4)'],
    ['/tmp/eve/module.so', 'on /tmp/eve, which is mounted nosuid (fuse.sshfs)'],
  ])('%s', (path, reason) => expect(whyForeignMount(pathOn(path), MOUNTS)).toContain(reason))

  test.each([
    ['the root, however it is mounted', '/usr/lib/module.so'],
    ['memory of this machine', '/tmp/module.so'],
    ['another name with the same beginning', '/tmp/evening.so'],
    ['a file system of the system', '/home/me/module.so'],
    ['a mount over another one', '/srv/module.so'],
  ])('not: %s', (_, path) => expect(whyForeignMount(pathOn(path), MOUNTS)).toBeNull())

  test('unknown mounts: trusted', () => expect(whyForeignMount(pathOn('/tmp/eve/x'), '')).toBeNull())
})

test('mounts are parsed as the kernel lists them', async () => {
  expect(nodeFileSystem().mountinfo()).toBe(await readFile('/proc/self/mountinfo', 'utf8'))
})
