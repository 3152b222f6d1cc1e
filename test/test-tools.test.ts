import { readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Ended, output, runProgram, temporaryDirectory } from './support/cli.js'

const SCRIPT = fileURLToPath(new URL('../scripts/test-tools.sh', import.meta.url))

/** Runs the script as a user without root's rights, on a PATH that has these programs besides what the script itself needs. */
async function run(programs: readonly string[]): Promise<Ended> {
  const folder = await temporaryDirectory()
  for (const name of ['sh', 'sort', 'paste', 'cat']) {
    await symlink((await output('sh', ['-c', `command -v ${name}`])).trim(), join(folder, name))
  }
  const stubs = { id: 'echo 1000', node: 'echo nothing', ...Object.fromEntries(programs.map((name) => [name, ''])) }
  for (const [name, does] of Object.entries(stubs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${does}\n`, { mode: 0o755 })
  }
  return runProgram('/bin/sh', [SCRIPT], { env: { PATH: folder, HOME: folder } })
}

async function tools(): Promise<readonly string[]> {
  const text = await readFile(SCRIPT, 'utf8')
  return [...text.matchAll(/\bneed (\S+) \S+$/gm)].map(([, tool = '']) => tool)
}

test('without root and sudo it says what is missing and how to install it, and fails', async () => {
  const all = await tools()
  expect(all).toContain('faketime')
  const { status, stderr } = await run(all.filter((tool) => !['certtool', 'c++', 'make'].includes(tool)))
  expect(status).toBe(1)
  const command = 'apt-get update && apt-get install -y --no-install-recommends build-essential gnutls-bin'
  expect(stderr.trimEnd().split('\n').at(-1)?.trim()).toBe(command)
})

test('with all tools installed, no privileges are needed', async () => {
  expect(await run(await tools())).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
})
