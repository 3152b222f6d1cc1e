import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect } from 'vitest'
import { optionsOf, takesValue } from '../../src/cli/line.js'
import { runProgram } from './cli.js'

const SOURCE = join(import.meta.dirname, '..', '..', 'src')

/** Texts that are made for the documentation, which docs.test.ts runs. */
const DOCUMENTATION = /^cli\/(words|pages)\//

/**
 * The commands that messages in src advise, each once: in backticks, or at the end of a line of their own. What the program
 * fills in is `…`. Commands that are put together from parts are tested where they are printed (Ctrl-C, tokens).
 */
export async function advisedInSource(groups: readonly string[]): Promise<readonly string[]> {
  const commands = new Set<string>()
  const command = new RegExp(`(?:\\\\?\`|['\`] {2}|: )(fpki (?:${groups.join('|')})\\b[^\`'\\\\]*)`, 'g')
  for (const file of await readdir(SOURCE, { recursive: true })) {
    if (!file.endsWith('.ts') || DOCUMENTATION.test(file)) continue
    const lines = (await readFile(join(SOURCE, file), 'utf8')).split('\n')
    const code = lines.filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line)).join('\n')
    for (const [, found = ''] of code.replace(/\$\{[^}]*\}/g, '…').matchAll(command)) {
      commands.add(found.replace(/ {2}.*/s, '').trim())
    }
  }
  return [...commands].toSorted()
}

/** What is wrong with an advised command, as the tree of commands has it: null is nothing. */
export function problemOf(command: string, program: Command): string | null {
  const [, ...words] = command.split(' ')
  let at = program
  while (at.commands.some((below) => below.name() === words[0])) {
    at = at.commands.find((below) => below.name() === words[0]) ?? at
    words.shift()
  }
  if (at.commands.length > 0) return 'it is a group of commands'
  let operands = 0
  while (words.length > 0) {
    const word = words.shift() ?? ''
    if (!word.startsWith('-')) operands++
    else {
      const option = optionsOf(at).find(({ long }) => long === word)
      if (option === undefined && word !== '--help') return `it has no ${word}`
      if (option !== undefined && takesValue(option) && words.shift() === undefined) return `${word} has no value`
    }
  }
  const least = command.endsWith('--help') ? 0 : at.registeredArguments.filter(({ required }) => required).length
  const most = at.registeredArguments.some(({ variadic }) => variadic) ? Infinity : at.registeredArguments.length
  return operands < least || operands > most ? `it has ${operands} arguments` : null
}

/** The words of a command as a shell takes them, without the name of the program. */
export async function wordsInShell(command: string): Promise<readonly string[]> {
  const ended = await runProgram('sh', ['-eu', '-c', `fpki() { printf '%s\\0' "$@"; }\n${command}`])
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  return ended.stdout.split('\0').slice(0, -1)
}

/** The command in a message that was printed, whose words are those of `advised`; `…` is anything. */
export function printedCommand(text: string, advised: string): string {
  const pattern = advised.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const [found] = new RegExp(`${pattern.join('.+?')}(?=\`|\\n|$)`).exec(text) ?? []
  if (found === undefined) throw new Error(`\`${advised}\` is not in: ${text}`)
  return found
}
