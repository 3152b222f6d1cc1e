import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit.js'
import { commandPages } from '../../src/cli/pages/commands.js'
import { manPages } from '../../src/cli/pages/man.js'
import { reference } from '../../src/cli/pages/reference.js'
import { buildProgram } from '../../src/cli/program.js'
import { newHome, runProgram } from '../support/cli.js'
import { silentIo } from './silent-io.js'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const MAN = join(CHECKOUT, 'dist', 'man')
const FILES = (await readdir(MAN)).toSorted()

/** A manual page as a terminal shows it, and what groff has to say against it. */
async function shown(file: string): Promise<{ readonly text: string; readonly warnings: string }> {
  const words = ['-ww', '-man', '-Tutf8', '-P-cbou', '-rLL=200n', join(MAN, file)]
  const { status, stdout, stderr } = await runProgram('groff', words)
  expect(status).toBe(0)
  return { text: stdout, warnings: stderr }
}

/** `fpki-ca-create.1` and so on, for a command and all below it but what has other words only. */
function filesFor(command: Command, above: readonly string[] = []): readonly string[] {
  const words = [...above, command.name()]
  const below = command.name() === 'keys' ? [] : command.commands.flatMap((one) => filesFor(one, words))
  return [`${words.join('-')}.1`, ...below]
}

test('every command has a manual page, and nothing else has', () => {
  expect(FILES).toEqual(filesFor(buildProgram(silentIo(() => undefined))).toSorted())
})

describe.each(commandPages().map(({ words }) => [words.join('-'), words] as const))('%s.1', (name, words) => {
  test('has all that --help has, and groff finds nothing wrong', async () => {
    const { text, warnings } = await shown(`${name}.1`)
    expect(warnings).toBe('')
    const { stdout: help } = await (await newHome()).fpki([...words.slice(1), '--help'])
    for (const [flag = ''] of help.matchAll(/(?<=^ {2}(-\w, )?)--[a-z-]+/gm)) expect(text).toContain(flag)
    // The examples are not to be filled: each line is there as it stands.
    for (const [, line = ''] of help.matchAll(/^ {2}(\$ fpki .*)$/gm)) expect(text).toContain(line)
    for (const code of Object.values(EXIT)) expect(text.split('EXIT STATUS')[1]).toMatch(new RegExp(`\\b${code}\\b`))
  })
})

test('roff finds no requests and no escapes in the words of a command', async () => {
  const said: string[] = []
  const text = ".SH no title\n'br no break\n\\fBno font\\fR \\n(.u ~ ^ ` … \\"
  const [program] = commandPages()
  if (program === undefined) throw new Error('no page')
  const page = {
    ...program,
    options: [['--hostile', text] as const],
    remarks: [[...text.split('\n'), '  .in 4', "  'in 4"]],
  }
  for (const [, content] of manPages([page])) said.push(content)
  const words = ['-ww', '-man', '-Tutf8', '-P-cbou', '-rLL=200n', '-']
  const { stdout, stderr } = await runProgram('groff', words, { stdin: said.join('') })
  expect(stderr).toBe('')
  for (const part of ['.SH no title', "'br no break", '\\fBno font\\fR \\n(.u ~ ^ ` … \\', '  .in 4', "  'in 4"])
    expect(stdout).toContain(part)
})

test('man finds the page of a command', async () => {
  const { text } = await shown('fpki-ca-show.1')
  expect(text).toMatch(/^NAME\n +fpki-ca-show - show the certificates that the Factory API knows, as PEM\n/m)
  expect(text).toMatch(/^SEE ALSO\n +fpki\(1\), fpki-ca\(1\)/m)
})

test('package.json names them all, for npm to install; `npm run docs` writes the list', async () => {
  const { man }: { man: string[] } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8'))
  expect(man.toSorted()).toEqual(FILES.map((file) => `dist/man/${file}`))
})

test('docs/cli.md is what `npm run docs` writes', async () => {
  expect(reference(commandPages())).toBe(await readFile(join(CHECKOUT, 'docs/cli.md'), 'utf8'))
})
