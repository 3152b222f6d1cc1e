import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runProgram, temporaryDirectory } from '../support/cli.js'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const FILES = {
  'package.json': JSON.stringify({
    name: 'probe',
    type: 'module',
    dependencies: { zod: '*', 'light-my-request': '*', yaml: '*' },
    devDependencies: { '@swc/core': '*' },
  }),
  'src/index.ts': "export * as z from 'zod'\nexport { used } from './used.js'\nexport const library = 1\n",
  'src/used.ts': 'export const used = 1\nexport const unused = 2\nexport type UnusedType = 3\n',
  'src/unused.ts': 'export const nobody = 1\n',
  'src/cli/run.ts': "import { forTest } from './for-test.js'\nexport const run = forTest\n",
  'src/cli/for-test.ts': 'export const forTest = 1\nexport const onlyForTest = 2\n',
  'test/cli/for-test.test.ts': "import { onlyForTest } from '../../src/cli/for-test.js'\nconsole.log(onlyForTest)\n",
  'test/support/unused.ts': 'export const support = 1\n',
}

test('unused files, exports and dependencies are lint errors', async () => {
  const folder = await temporaryDirectory()
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  for (const name of ['knip.json', 'tsconfig.json']) await copyFile(join(CHECKOUT, name), join(folder, name))
  await symlink(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'))
  const { status, stdout } = await runProgram(join(CHECKOUT, 'node_modules/.bin/knip'), ['--reporter', 'compact'], {
    cwd: folder,
  })
  const reported = stdout.split('\n').filter((line) => line.includes(': ') || line.includes('unused'))
  expect(reported.toSorted()).toEqual([
    'package.json: yaml',
    'src/unused.ts: src/unused.ts',
    'src/used.ts: UnusedType',
    'src/used.ts: unused',
    'test/support/unused.ts: test/support/unused.ts',
  ])
  expect(status).toBe(1)
})
