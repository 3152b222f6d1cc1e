import type { Command } from 'commander'
import type { Io } from '../output.js'
import { buildProgram } from '../program.js'
import { type Block, type Page, type Row, type Section, type SectionTitle, sentence } from './page.js'

/** The pages of all commands, that of the program first. The aliases below `keys` have no pages of their own. */
export function commandPages(): readonly Page[] {
  const output: string[] = []
  const program = buildProgram(ioInto(output))
  const commands = documented(program)
  const helpTextOf = (command: Command) => {
    output.length = 0
    command.outputHelp()
    return output.join('').slice(command.helpInformation().length)
  }
  const exitCodes = paragraphsOf(helpTextOf(program)).filter(isAboutExitCodes)
  return commands.map((command) => pageOf(command, helpTextOf(command), exitCodes, commands))
}

function documented(command: Command): readonly Command[] {
  return command.name() === 'keys' ? [command] : [command, ...command.commands.flatMap(documented)]
}

function pageOf(
  command: Command,
  helpText: string,
  exitCodes: readonly Paragraph[],
  commands: readonly Command[],
): Page {
  const help = command.createHelp()
  const words = wordsOf(command)
  const summary = help.commandDescription(command).replace(/\.$/, '')
  const paragraphs = paragraphsOf(helpText).filter((paragraph) => !isAboutExitCodes(paragraph))
  const optionRow = (option: Command['options'][number]): Row => [
    help.optionTerm(option),
    help.optionDescription(option),
  ]
  const contents: Readonly<Record<SectionTitle, readonly Block[]>> = {
    Description: [
      { kind: 'text', text: sentence(summary) },
      ...paragraphs.filter((one) => !isExample(one)).flatMap(blocksOf),
    ],
    Commands: terms(command.commands.map((child) => [child.name(), help.subcommandDescription(child)])),
    Arguments: terms(
      help.visibleArguments(command).map((one) => [help.argumentTerm(one), help.argumentDescription(one)]),
    ),
    Options: terms(help.visibleOptions(command).map(optionRow)),
    'Common options': terms(help.visibleGlobalOptions(command).map(optionRow)),
    'Exit status': exitCodes.flatMap(blocksOf),
    Examples: paragraphs.filter(isExample).flatMap(blocksOf),
    'See also': [{ kind: 'pages', names: commands.filter((other) => isRelated(command, other)).map(nameOf) }],
  }
  const sections = Object.entries(contents).map(([title, blocks]) => ({ title, blocks }) as Section)
  return {
    ...{ words, name: nameOf(command), summary, usage: help.commandUsage(command) },
    sections: sections.filter(({ blocks }) => blocks.length > 0),
  }
}

function wordsOf(command: Command): readonly string[] {
  return command.parent === null ? [command.name()] : [...wordsOf(command.parent), command.name()]
}

function nameOf(command: Command): string {
  return wordsOf(command).join('-')
}

/** The parent and children of a command, and the program. */
function isRelated(command: Command, other: Command): boolean {
  if (other === command) return false
  return other.parent === command || command.parent === other || command.parent === null || other.parent === null
}

function terms(rows: readonly Row[]): readonly Block[] {
  return rows.length === 0 ? [] : [{ kind: 'terms', rows }]
}

/** The lines between two empty lines of a help text. Indented lines are code, others are text. */
type Paragraph = readonly string[]

function paragraphsOf(helpText: string): readonly Paragraph[] {
  const paragraphs = helpText.trim().split('\n\n')
  return paragraphs.filter((paragraph) => paragraph !== '').map((paragraph) => paragraph.split('\n'))
}

function isAboutExitCodes([first = '']: Paragraph): boolean {
  return first.startsWith('Exit codes: ')
}

function isExample(paragraph: Paragraph): boolean {
  return paragraph.some((line) => /^ {2}(\$ |fpki )/.test(line))
}

/** Without `Examples:` and `Exit codes:`, which the title of the section replaces. */
function blocksOf(paragraph: Paragraph): readonly Block[] {
  const lines = paragraph.map((line) => line.replace(/^(Examples?:$|Exit codes: )/, '')).filter((line) => line !== '')
  const runs: string[][] = []
  for (const line of lines) {
    const run = runs.at(-1)
    if (run !== undefined && isCode(run[0]) === isCode(line)) run.push(line)
    else runs.push([line])
  }
  return runs.map((run) =>
    isCode(run[0]) ? { kind: 'code', lines: run.map((line) => line.slice(2)) } : { kind: 'text', text: run.join('\n') },
  )
}

function isCode(line = ''): boolean {
  return line.startsWith('  ')
}

async function* emptyInput(): AsyncGenerator<string> {}

/** An Io that only collects stdout, since no command runs. */
function ioInto(output: string[]): Io {
  return {
    env: {},
    home: '',
    workingDirectory: () => null,
    signal: new AbortController().signal,
    askSecret: null,
    ask: null,
    outcome: { status: 0 },
    stdin: emptyInput(),
    machine: {},
    stdout: (text) => void output.push(text),
    stderr: () => undefined,
    terminal: { stdout: false, stderr: false },
  }
}
