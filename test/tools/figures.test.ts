import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'

const SCRIPT = fileURLToPath(new URL('../../scripts/figures.mjs', import.meta.url))

/** 3 files of 1, 5 and 13 lines; functions of 1, 3 and 9 lines; 3 comment lines of 17 that are not blank; 3, 2 and 1 exports; 9 test lines. */
const TREE = {
  'src/one.ts': "export * from './two.js'\n",
  'src/two.ts': `// A comment.
export type Two = 2 // not a line of its own

export const two = (): Two => 2
const inner = () => { return two() }
`,
  'src/folder/three.ts': `export class Three {
  /**  Has the word function in it, and \`//\`. */
  method(): string {
    const text = '// no comment'
    // But this is one.
    const inside = () => {
      return text
    }

    return inside()
  }
}
export const three = 3, four = 4
`,
  'test/one.test.ts': '1\n'.repeat(6),
  'test/support/two.ts': '2\n'.repeat(3),
  'test/fixtures/not-counted.ts': 'not TypeScript at all\n',
}

const ROW = '3 | 5 / 13 | 3 / 9 | 18 % | 2 | 0.5 |\n'

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
}

test('measures a source tree', async () => {
  const folder = await temporaryDirectory()
  await write(folder, TREE)
  expect(await output('node', [SCRIPT, '--root', folder])).toBe(`| fpki | ${ROW}`)
})

test('measures a git revision, and not the tree of today', async () => {
  const folder = await temporaryDirectory()
  await write(folder, TREE)
  const author = ['-c', 'user.name=x', '-c', 'user.email=x@fpki.example']
  await output('git', ['-C', folder, 'init', '--quiet'])
  await output('git', ['-C', folder, 'add', '.'])
  await output('git', ['-C', folder, ...author, 'commit', '--quiet', '--message', 'Tree'])
  await write(folder, { 'src/later.ts': 'export const later = 1\n' })
  expect(await output('node', [SCRIPT, '--root', folder, '--revision', 'HEAD'])).toBe(`| fpki at HEAD | ${ROW}`)
})

test('fails when there is nothing to measure, or it cannot be parsed', async () => {
  const folder = await temporaryDirectory()
  await write(folder, { 'src/notes.txt': '', 'test/x.ts': '' })
  expect(await runProgram('node', [SCRIPT, '--root', folder])).toMatchObject({ status: 1 })
  await write(folder, { 'src/broken.ts': 'export const = 1\n' })
  const { status, stderr } = await runProgram('node', [SCRIPT, '--root', folder])
  expect([status, stderr]).toEqual([1, expect.stringContaining('broken.ts')])
})
