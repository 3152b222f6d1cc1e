import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { newHome, output, runProgram } from './support/cli.js'
import { withFpkiOnPath } from './support/on-path.js'
import { SOFTHSM } from './support/token.js'

test('the ten lines of docs/hsm.md work as they stand', async () => {
  const guide = await readFile(fileURLToPath(new URL('../docs/hsm.md', import.meta.url)), 'utf8')
  const [lines = '', ...more] = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  expect(more).toEqual([])
  expect(lines.trim().split('\n')).toHaveLength(10)
  const home = await newHome()
  const env = await withFpkiOnPath(home)
  // What the first line installs is there.
  await writeFile(join(home.path, 'bin', 'sudo'), '#!/bin/sh\n', { mode: 0o755 })
  const script = `set -eu\n${lines.replace('/usr/lib/softhsm/libsofthsm2.so', SOFTHSM)}`
  const { status, stdout, stderr } = await runProgram('sh', ['-c', script], { env })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  for (const said of ['This token supports a root key.', 'In the token "acme"', 'factory_ca, root of trust']) {
    expect(stdout).toContain(said)
  }
  expect(await output('ls', [join(home.path, 'acme')])).not.toContain('factory_ca.key')
})

test('the drill of docs/backup.md works as it stands', async () => {
  const guide = await readFile(fileURLToPath(new URL('../docs/backup.md', import.meta.url)), 'utf8')
  const [, lines = ''] = /```sh\n([\s\S]*?)```/.exec(guide) ?? []
  expect(lines.trim().split('\n')).toHaveLength(5)
  const home = await newHome()
  const env = { ...(await withFpkiOnPath(home)), FPKI_PASSPHRASE: 'nine lives of a fish' }
  const { status, stdout, stderr } = await runProgram('sh', ['-c', `set -eu\n${lines}`], { env })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  for (const said of ['Backed up', 'The root key works', 'Restored', '0 failures']) {
    expect(stdout).toContain(said)
  }
})

/** Generated from the words of `--help`, one paragraph a line. */
const GENERATED = 'docs/cli.md'

test('prose is wrapped at 100 columns', async () => {
  const checkout = fileURLToPath(new URL('..', import.meta.url))
  const pages = (await readdir(join(checkout, 'docs'))).filter((name) => name.endsWith('.md'))
  const guides = pages.map((name) => `docs/${name}`).filter((name) => name !== GENERATED)
  const names = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...guides]
  const long = await Promise.all(
    names.map(async (name) => {
      const text = (await readFile(join(checkout, name), 'utf8')).replace(/^```[\s\S]*?^```/gm, '')
      return text.split('\n').filter((line) => line.length > 100 && !line.startsWith('|'))
    }),
  )
  expect(long.flat()).toEqual([])
})
