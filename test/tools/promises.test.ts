import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runProgram, temporaryDirectory } from '../support/cli.js'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const PORTS = `export interface Handle {
  sync(): Promise<void>
}
export interface Disk extends Handle {
  readonly open: (path: string) => Promise<Handle>
}
export async function save(): Promise<void> {}
`

/** Each is a statement of a function that has a disk and some handles; the linter must report it. */
const MISTAKES = [
  'save()',
  'save().then(() => 1)',
  'disk.sync()',
  'maybe?.sync()',
  'io.disk.sync()',
  "disk.open('x')",
  "(await disk.open('x')).sync()",
  'for (const one of handles) one.sync()',
  'handles.map((one) => one.sync())',
  'Promise.all(handles.map((one) => one.sync()))',
  "rm('x')",
  "(await open('x')).sync()",
  '(async () => 1)()',
  'handles.forEach(async (one) => await one.sync())',
  'if (save()) return',
  "await 'no promise'",
]

const CORRECT = [
  'await save()',
  'return save()',
  'await Promise.all(handles.map((one) => one.sync()))',
  'save().catch(() => undefined)',
  'void save()',
]

const FOLDERS = ['src/directory', 'test/directory']

function probe(folder: string, statement: string): string {
  const ports = `${folder.startsWith('src') ? '..' : '../../src'}/ports.js`
  return `import { open, rm } from 'node:fs/promises'
import type { Disk, Handle } from '${ports}'
import { save } from '${ports}'

export const used = [open, rm, save]
export async function probe(disk: Disk, handles: readonly Handle[], maybe: Disk | undefined, io: { disk: Disk }) {
  ;${statement}
}
`
}

/** Lints all probes at once; resolves to those that were reported, as `folder: statement`. */
async function reported(): Promise<readonly string[]> {
  const project = await temporaryDirectory()
  const write = async (name: string, text: string) => {
    await mkdir(dirname(join(project, name)), { recursive: true })
    await writeFile(join(project, name), text)
  }
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) {
    await copyFile(join(CHECKOUT, name), join(project, name))
  }
  await symlink(join(CHECKOUT, 'node_modules'), join(project, 'node_modules'))
  await write('src/ports.ts', PORTS)
  const probes = new Map<string, string>()
  for (const folder of FOLDERS) {
    for (const [index, statement] of [...MISTAKES, ...CORRECT].entries()) {
      const name = `${folder}/probe-${index}.ts`
      probes.set(name, `${folder}: ${statement}`)
      await write(name, probe(folder, statement))
    }
  }
  const words = ['--format', 'json', 'src', 'test']
  const { stdout } = await runProgram(join(CHECKOUT, 'node_modules/.bin/oxlint'), words, { cwd: project })
  const { diagnostics }: { diagnostics: { filename: string }[] } = JSON.parse(stdout)
  return diagnostics.map(({ filename }) => probes.get(filename) ?? filename)
}

test('a promise that is not awaited is a lint error, however it is created', async () => {
  expect((await reported()).toSorted()).toEqual(
    FOLDERS.flatMap((folder) => MISTAKES.map((statement) => `${folder}: ${statement}`)).toSorted(),
  )
})
