import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit.js'
import { manPages } from '../../src/cli/pages/man.js'
import { reference } from '../../src/cli/pages/markdown.js'
import { capitalize, type Page } from '../../src/cli/pages/page.js'
import { commandPages } from '../../src/cli/pages/walk.js'
import { buildProgram } from '../../src/cli/program.js'
import { newHome, runProgram } from '../support/cli.js'
import { silentIo } from './silent-io.js'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const MAN = join(CHECKOUT, 'dist', 'man')
const FILES = (await readdir(MAN)).toSorted()

/** A manual page as a terminal shows it, and the warnings of groff. */
async function shown(file: string): Promise<{ readonly text: string; readonly warnings: string }> {
  const words = ['-ww', '-man', '-Tutf8', '-P-cbou', '-rLL=200n', join(MAN, file)]
  const { status, stdout, stderr } = await runProgram('groff', words)
  expect(status).toBe(0)
  return { text: stdout, warnings: stderr }
}

/** The file names of the manual pages of a command and its subcommands; the aliases below `keys` have none. */
function filesFor(command: Command, above: readonly string[] = []): readonly string[] {
  const words = [...above, command.name()]
  const below = command.name() === 'keys' ? [] : command.commands.flatMap((one) => filesFor(one, words))
  return [`${words.join('-')}.1`, ...below]
}

test('every command has exactly one manual page', () => {
  expect(FILES).toEqual(filesFor(buildProgram(silentIo(() => undefined))).toSorted())
})

describe.each(commandPages().map(({ words }) => [words.join('-'), words] as const))('%s.1', (name, words) => {
  test('has the options, examples and exit codes of --help, and no groff warnings', async () => {
    const { text, warnings } = await shown(`${name}.1`)
    expect(warnings).toBe('')
    const { stdout: help } = await (await newHome()).fpki([...words.slice(1), '--help'])
    for (const [flag = ''] of help.matchAll(/(?<=^ {2}(-\w, )?)--[a-z-]+/gm)) expect(text).toContain(flag)
    // Examples must not be filled.
    for (const [, line = ''] of help.matchAll(/^ {2}(\$ \(?.*fpki .*)$/gm)) expect(text).toContain(line)
    for (const code of Object.values(EXIT)) expect(text.split('EXIT STATUS')[1]).toMatch(new RegExp(`\\b${code}\\b`))
  })
})

/** A page with one section of each kind of block, all with the same text. */
function pageWith(text: string): Page {
  return {
    ...{ words: ['fpki'], name: 'fpki', summary: text, usage: 'fpki [options]' },
    sections: [
      { title: 'Description', blocks: [{ kind: 'text', text }] },
      { title: 'Options', blocks: [{ kind: 'terms', rows: [['--option', text]] }] },
      { title: 'Examples', blocks: [{ kind: 'code', lines: [...text.split('\n'), '.in 4', "'in 4"] }] },
    ],
  }
}

async function rendered(page: Page): Promise<string> {
  const roff = manPages([page])
    .map(([, content]) => content)
    .join('')
  const words = ['-ww', '-man', '-Tutf8', '-P-cbou', '-rLL=200n', '-']
  const { stdout, stderr } = await runProgram('groff', words, { stdin: roff })
  expect(stderr).toBe('')
  return stdout
}

test('text that looks like roff requests or escapes is shown as it is', async () => {
  const text = await rendered(pageWith(".SH no title\n'br no break\n\\fBno font\\fR \\n(.u ~ ^ ` … \\"))
  for (const part of ['.SH no title', "'br no break", '\\fBno font\\fR \\n(.u ~ ^ ` … \\', '  .in 4', "  'in 4"])
    expect(text).toContain(part)
})

test('code between backticks is shown without them', async () => {
  expect(await rendered(pageWith('use `fpki ca show` twice'))).toContain('use fpki ca show twice')
})

test.each([
  ['print the version', 'Print the version'],
  ['DNS name', 'DNS name'],
  ['online-ca, for devices', 'online-ca, for devices'],
  ['tls-crt', 'tls-crt'],
  ['factory_ca', 'factory_ca'],
])('%s begins a description as %s', (text, expected) => {
  expect(capitalize(text)).toBe(expected)
})

test('no description begins with a literal, which would get a capital', () => {
  const literals = /^(fpki|fioctl|embedded|foundries|nginx|openssl|bash|zsh|fish|now|ci)\b/
  const descriptions = commandPages().flatMap(({ summary, sections }) => [
    summary,
    ...sections.flatMap(({ blocks }) =>
      blocks.flatMap((block) => (block.kind === 'terms' ? block.rows.map(([, meaning]) => meaning) : [])),
    ),
  ])
  expect(descriptions.length).toBeGreaterThan(200)
  for (const description of descriptions) expect(description).not.toMatch(literals)
})

test('a manual page has a NAME section for whatis, and related pages', async () => {
  const { text } = await shown('fpki-ca-show.1')
  expect(text).toMatch(/^NAME\n +fpki-ca-show - print the certificates stored in the Factory API\n/m)
  expect(text).toMatch(/^SEE ALSO\n +fpki\(1\), fpki-ca\(1\)/m)
})

test('package.json lists all manual pages', async () => {
  const { man }: { man: string[] } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8'))
  expect(man.toSorted()).toEqual(FILES.map((file) => `dist/man/${file}`))
})

test('docs/cli.md is up to date with `npm run docs`', async () => {
  expect(reference(commandPages())).toBe(await readFile(join(CHECKOUT, 'docs/cli.md'), 'utf8'))
})
