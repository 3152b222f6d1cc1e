import type { Command } from 'commander'
import type { Io } from '../output.js'
import { buildProgram } from '../program.js'

/** A term (a flag, an argument, a command) and what it means. */
export type Row = readonly [term: string, meaning: string]

/** All that `--help` says of a command. Manual pages and docs/cli.md are made from it. */
export interface CommandPage {
  /** `['fpki', 'ca', 'create']` */
  readonly words: readonly string[]
  readonly description: string
  readonly usage: string
  readonly arguments: readonly Row[]
  readonly options: readonly Row[]
  /** The flags that every command has; on the page of the program they are among `options`. */
  readonly commonOptions: readonly Row[]
  readonly commands: readonly Row[]
  /** The paragraphs behind the flags. */
  readonly examples: readonly Paragraph[]
  readonly remarks: readonly Paragraph[]
}

/** Lines that belong together. Those that are indented stay as they are, the others flow. */
export type Paragraph = readonly string[]

/** The exit codes, as `fpki --help` has them. */
const EXIT_CODES = /^Exit codes: /

/** The pages of every command. Those below `keys` are the same under other words, and have none of their own. */
export function commandPages(): readonly CommandPage[] {
  const said: string[] = []
  const program = buildProgram(ioInto(said))
  const pageOf = (command: Command) => {
    said.length = 0
    command.outputHelp()
    return describe(command, said.join('').slice(command.helpInformation().length))
  }
  return visible(program).map(pageOf)
}

/** What `fpki --help` says of the exit codes, from `pages`. */
export function exitCodes([program]: readonly CommandPage[]): string {
  const paragraph = program?.remarks.find(([first = '']) => EXIT_CODES.test(first)) ?? []
  return paragraph.join(' ').replace(EXIT_CODES, '')
}

/** What a page says besides the exit codes, which have a place of their own. */
export function remarksOf({ remarks }: CommandPage): readonly Paragraph[] {
  return remarks.filter(([first = '']) => !EXIT_CODES.test(first))
}

/** Is a line one that stays as it is? */
export function isVerbatim(line: string): boolean {
  return line.startsWith('  ')
}

function visible(command: Command): readonly Command[] {
  return command.name() === 'keys' ? [command] : [command, ...command.commands.flatMap(visible)]
}

function describe(command: Command, text: string): CommandPage {
  const help = command.createHelp()
  const options = help.visibleOptions(command).map((option) => row(help.optionTerm(option), option, help))
  const paragraphs = text
    .trim()
    .split('\n\n')
    .map(linesOf)
    .filter(([first]) => first !== '')
  const isExample = (lines: Paragraph) => lines.some((line) => /^ {2}(\$ )?fpki /.test(line))
  return {
    words:
      help
        .commandUsage(command)
        .split(/ (?=[[<])/)[0]
        ?.split(' ') ?? [],
    description: help.commandDescription(command),
    usage: help.commandUsage(command),
    arguments: help.visibleArguments(command).map((one) => [help.argumentTerm(one), help.argumentDescription(one)]),
    options,
    commonOptions: help.visibleGlobalOptions(command).map((option) => row(help.optionTerm(option), option, help)),
    commands: command.commands.map((below) => [below.name(), help.subcommandDescription(below)]),
    examples: paragraphs.filter(isExample),
    remarks: paragraphs.filter((lines) => !isExample(lines)),
  }
}

function row(term: string, option: Command['options'][number], help: ReturnType<Command['createHelp']>): Row {
  return [term, help.optionDescription(option)]
}

function linesOf(paragraph: string): Paragraph {
  return paragraph.split('\n')
}

async function* nothing(): AsyncGenerator<string> {}

/** Nothing runs: the words are only looked at. */
function ioInto(said: string[]): Io {
  return {
    env: {},
    home: '',
    workingDirectory: () => null,
    signal: new AbortController().signal,
    askSecret: null,
    ask: null,
    outcome: { status: 0 },
    stdin: nothing(),
    machine: {},
    stdout: (text) => void said.push(text),
    stderr: () => undefined,
    terminal: { stdout: false, stderr: false },
  }
}
