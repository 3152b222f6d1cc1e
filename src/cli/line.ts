import type { Command, Option } from 'commander'

/** The state of reading a command line. */
export interface Line {
  /** The command that the words so far select. */
  readonly command: Command
  /** The flag that takes the next word as its value. */
  readonly open: Option | null
  /** After `--`, no word is a flag. */
  readonly isPastFlags: boolean
  /** The command's arguments. */
  readonly operands: readonly string[]
  /** The values of flags, by attribute name. */
  readonly values: Readonly<Record<string, string>>
}

/** Reads the words after `fpki` as commander does, but skips words that commander would refuse. */
export function readLine(words: readonly string[], program: Command): Line {
  return words.reduce(readWord, start(program))
}

/** For each word, whether it is a flag rather than an argument or the value of a flag. */
export function flagWords(words: readonly string[], program: Command): readonly boolean[] {
  let line = start(program)
  return words.map((word) => {
    const isFlag = line.open === null && !line.isPastFlags && word.startsWith('-')
    line = readWord(line, word)
    return isFlag
  })
}

/** The flags of a command and its parents. */
export function optionsOf(command: Command): readonly Option[] {
  return command.parent === null ? command.options : [...command.options, ...optionsOf(command.parent)]
}

/** Whether a flag takes a value. */
export function takesValue({ required, optional }: Option): boolean {
  return required || optional
}

/** The flag and value of `--flag=value`; null when `word` has another form. */
export function flagWithValue(word: string, command: Command): readonly [Option, string] | null {
  const [, flag = '', value = ''] = /^(--[^=]+)=(.*)$/s.exec(word) ?? []
  const option = optionsOf(command).find((candidate) => candidate.long === flag && takesValue(candidate))
  return option === undefined ? null : [option, value]
}

function start(program: Command): Line {
  return { command: program, open: null, isPastFlags: false, operands: [], values: {} }
}

function readWord(line: Line, word: string): Line {
  const { open, command } = line
  if (open !== null) return { ...withValue(line, open, word), open: null }
  if (!line.isPastFlags && word === '--') return { ...line, isPastFlags: true }
  if (!line.isPastFlags && word.startsWith('-')) return readFlag(line, word)
  if (command.commands.length === 0) return { ...line, operands: [...line.operands, word] }
  return { ...line, command: command.commands.find((below) => below.name() === word) ?? command }
}

function readFlag(line: Line, word: string): Line {
  const whole = flagWithValue(word, line.command)
  if (whole !== null) return withValue(line, ...whole)
  const options = optionsOf(line.command).filter(takesValue)
  const open = options.find(({ short, long }) => short === word || long === word)
  if (open !== undefined) return { ...line, open }
  const glued = options.find(({ short }) => short !== undefined && word.startsWith(short))
  return glued === undefined ? line : withValue(line, glued, word.slice(2))
}

function withValue(line: Line, option: Option, value: string): Line {
  return { ...line, values: { ...line.values, [option.attributeName()]: value } }
}
