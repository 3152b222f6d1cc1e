import { basename, resolve } from 'node:path'
import type { Argument, Command, Option } from 'commander'
import { namedFactory, onlyFactory, type SettingsFlags } from '../config/settings.js'
import { FpkiError } from '../errors.js'
import { flagWithValue, type Line, readLine } from './line.js'
import { type Io, printable } from './output.js'
import { expanded, isQuoteOpen, quoted, splitLine } from './shell-words.js'

/** What can stand in the place of a word. `files` and `directories` are left to the shell. */
interface Completion {
  readonly kind: 'words' | 'files' | 'directories'
  readonly values: readonly Value[]
}

/** A word, and what it means. */
type Value = readonly [word: string, meaning: string]

const NOTHING: Completion = { kind: 'words', values: [] }

/**
 * Answers the scripts of `fpki completion`. `asked` is `bash` and the line up to the cursor, or `words` and the words
 * up to it behind `fpki`, the last of which is being written. Prints nothing when there is nothing to say.
 */
export async function complete(asked: readonly string[], program: Command, io: Io): Promise<void> {
  const [shell, ...given] = asked
  const words = shell === 'bash' ? splitLine(given[0] ?? '').slice(1) : given
  const current = words.at(-1) ?? ''
  const found = await completion(readLine(words.slice(0, -1), program), current, io)
  // The other shells choose among the values and quote them themselves, each in its own way.
  const values = shell === 'bash' ? forBash(found.values, current, isQuoteOpen(given[0] ?? '')) : found.values
  // A control character would break the answer into other lines, or the terminal.
  const lines = values.filter(([word]) => word === printable(word))
  io.stdout(`${found.kind}\n${lines.map(([word, meaning]) => `${word}\t${printable(meaning)}\n`).join('')}`)
}

/**
 * What goes on as the word does, as bash is to put it into the line: without what it takes for words of their own, all
 * up to a `=` or `:`, and quoted, which it would not do for a `$` or a backtick. Behind an open quote nothing can be
 * quoted further, so that only plain words are left.
 */
function forBash(values: readonly Value[], current: string, isQuoted: boolean): readonly Value[] {
  const typed = current.replace(/^--[^=]+=/, '')
  const begun = values.filter(([word]) => word.startsWith(typed))
  if (isQuoted) return begun.filter(([word]) => quoted(word).replaceAll('\\ ', ' ') === word)
  return begun.map(([word, meaning]) => [quoted(word.slice(typed.lastIndexOf(':') + 1)), meaning])
}

async function completion(line: Line, current: string, io: Io): Promise<Completion> {
  const { command, operands } = line
  if (line.open !== null) return valuesOfFlag(line.open, line, io)
  if (!line.isPastFlags && current.startsWith('-')) {
    const [flag] = flagWithValue(current, command) ?? []
    return flag === undefined ? flags(command) : valuesOfFlag(flag, line, io)
  }
  if (command.commands.length > 0) return commands(command)
  const { registeredArguments } = command
  const last = registeredArguments.at(-1)
  const argument = registeredArguments[operands.length] ?? (last?.variadic ? last : undefined)
  if (argument !== undefined) return valuesOfArgument(argument, line, io)
  return line.isPastFlags ? NOTHING : flags(command)
}

function commands(command: Command): Completion {
  const below = command.createHelp().visibleCommands(command)
  return words(below.map((one) => [one.name(), one.description()]))
}

function flags(command: Command): Completion {
  const help = command.createHelp()
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
  return words(options.map((option) => [option.long ?? '', help.optionDescription(option)]))
}

async function valuesOfArgument(argument: Argument, line: Line, io: Io): Promise<Completion> {
  if (argument.argChoices !== undefined) return words(argument.argChoices.map((choice) => [choice, '']))
  if (argument.name() === 'factory') return lookedUp(factories, line, io)
  return pathsFor(argument.name()) ?? { kind: 'files', values: [] }
}

async function valuesOfFlag(option: Option, line: Line, io: Io): Promise<Completion> {
  if (option.argChoices !== undefined) return words(option.argChoices.map((choice) => [choice, '']))
  const known = KNOWN_VALUES[option.long ?? '']
  if (known === undefined) return pathsFor(option.flags) ?? NOTHING
  return lookedUp(known, line, io)
}

type LookUp = (line: Line, io: Io) => Promise<Completion>

function lookedUp(lookUp: LookUp, line: Line, io: Io): Promise<Completion> {
  return lookUp(line, io).catch((error: unknown) => {
    // An unreadable state is for the command to tell, not for a Tab.
    if (error instanceof FpkiError) return NOTHING
    throw error
  })
}

/** Paths, where the word in a flag's or an argument's angle brackets asks for one. */
function pathsFor(placeholder: string): Completion | null {
  if (/\bdir(ector(y|ies)|s)?\b/.test(placeholder)) return { kind: 'directories', values: [] }
  return /\b(file|path|csr|crts)s?\b/.test(placeholder) ? { kind: 'files', values: [] } : null
}

/** The flags whose values fpki can look up. */
const KNOWN_VALUES: Readonly<Record<string, LookUp>> = {
  '--api': apis,
  '--factory': factories,
  '--ca-file': caFiles,
  '--ca-serial': caSerials,
}

/** The two that have names, and the servers that `fpki login` knows. */
async function apis(_: Line, { env, home, machine }: Io): Promise<Completion> {
  const { readLogins } = await import('../config/logins.js')
  const { thisMachine } = await import('../machine/index.js')
  const logins = await readLogins(thisMachine(machine).files, { env, home }).catch(() => new Map<string, unknown>())
  return words([
    ['embedded', 'kept in files on this machine'],
    ['foundries', 'the server of Foundries.io'],
    ...[...logins.keys()].map((url): Value => [url, 'from `fpki login`']),
  ])
}

async function factories({ values }: Line, io: Io): Promise<Completion> {
  const { embeddedFactoriesOn, thisMachine } = await import('../machine/index.js')
  const { embeddedStateDirectory } = await import('./commands/config/index.js')
  const machine = thisMachine(io.machine)
  const state = await embeddedStateDirectory(settings(values), io, machine)
  const names = state === null ? [] : await embeddedFactoriesOn({ stateDirectory: state }, machine)
  return words(names.map((name) => [name, '']))
}

/** The certificates of device CAs in the PKI directory that the line names. */
async function caFiles({ operands: [directory] }: Line, io: Io): Promise<Completion> {
  const base = io.workingDirectory()
  if (directory === undefined || base === null) return NOTHING
  const { thisMachine } = await import('../machine/index.js')
  const names = (await thisMachine(io.machine).files.list(resolve(base, expanded(directory, io)))) ?? []
  const certificates = names.filter((name) => name === 'online-crt' || /(?<!^factory_ca)\.pem$/.test(name))
  return words(certificates.map((name) => [name, '']))
}

async function caSerials({ values, operands: [directory] }: Line, io: Io): Promise<Completion> {
  const { embeddedFactoriesOn, embeddedFactoryOn, thisMachine } = await import('../machine/index.js')
  const { showPki } = await import('../operations/show/show-pki.js')
  const machine = thisMachine(io.machine)
  const { embeddedStateDirectory } = await import('./commands/config/index.js')
  const state = await embeddedStateDirectory(settings(values), io, machine)
  // A Tab waits for no server.
  if (state === null) return NOTHING
  const known = await embeddedFactoriesOn({ stateDirectory: state }, machine)
  const ofDirectory = known.find((name) => name === basename(directory ?? ''))
  const factory = namedFactory(settings(values), io.env) ?? ofDirectory ?? onlyFactory(known)
  const api = embeddedFactoryOn({ stateDirectory: state, factory }, { ...machine, signal: io.signal })
  const { deviceCas } = await showPki({ factory }, { ...machine, api })
  return words(deviceCas.map(({ serial, subject }) => [serial, subject]))
}

function settings({ api, factory }: Line['values']): SettingsFlags {
  return { ...(api === undefined ? {} : { api }), ...(factory === undefined ? {} : { factory }) }
}

function words(values: readonly Value[]): Completion {
  return { kind: 'words', values }
}
