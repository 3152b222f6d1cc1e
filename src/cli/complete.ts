import { basename, resolve } from 'node:path'
import type { Argument, Command, Option } from 'commander'
import { namedFactory, onlyFactory, type SettingsFlags } from '../config/settings.js'
import { FpkiError } from '../errors.js'
import { flagWithValue, type Line, readLine } from './line.js'
import { type Io, printable } from './output.js'
import { expanded, isQuoteOpen, quoted, splitLine } from './shell-words.js'

/** The possible values of a word. The shell completes `files` and `directories` itself. */
interface Completion {
  readonly kind: 'words' | 'files' | 'directories'
  readonly values: readonly Value[]
}

/** A word with its description. */
type Value = readonly [word: string, meaning: string]

const NOTHING: Completion = { kind: 'words', values: [] }

/**
 * Answers the scripts of `fpki completion`.
 *
 * @param request `bash` and the line up to the cursor; or `words` and the words after `fpki`, the last of them incomplete
 */
export async function complete(request: readonly string[], program: Command, io: Io): Promise<void> {
  const [shell, ...rest] = request
  const [typedLine = ''] = rest
  const words = shell === 'bash' ? splitLine(typedLine).slice(1) : rest
  const current = words.at(-1) ?? ''
  const { kind, values: all } = await completion(readLine(words.slice(0, -1), program), current, io)
  // The other shells filter and quote the values themselves.
  const values = shell === 'bash' ? forBash(all, current, isQuoteOpen(typedLine)) : all
  // A control character would corrupt the reply or the terminal.
  const lines = values.filter(([word]) => word === printable(word))
  io.stdout(`${kind}\n${lines.map(([word, meaning]) => `${word}\t${printable(meaning)}\n`).join('')}`)
}

/**
 * The values that start with the current word, in the form that bash inserts. bash splits words at `=` and `:`, so the part
 * up to there is removed; and it does not quote `$` or a backtick, so that is done here. Inside an open quote nothing more
 * can be quoted, so only plain words remain.
 */
function forBash(values: readonly Value[], current: string, isQuoted: boolean): readonly Value[] {
  const typed = current.replace(/^--[^=]+=/, '')
  const matching = values.filter(([word]) => word.startsWith(typed))
  if (isQuoted) return matching.filter(([word]) => quoted(word).replaceAll('\\ ', ' ') === word)
  return matching.map(([word, meaning]) => [quoted(word.slice(typed.lastIndexOf(':') + 1)), meaning])
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
  const subcommands = command.createHelp().visibleCommands(command)
  return words(subcommands.map((subcommand) => [subcommand.name(), subcommand.description()]))
}

function flags(command: Command): Completion {
  const help = command.createHelp()
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
  return words(options.map((option) => [option.long ?? '', help.optionDescription(option)]))
}

async function valuesOfArgument(argument: Argument, line: Line, io: Io): Promise<Completion> {
  if (argument.argChoices !== undefined) return words(argument.argChoices.map((choice) => [choice, '']))
  if (argument.name() === 'factory') return tryLookUp(factories, line, io)
  return pathsFor(argument.name()) ?? { kind: 'files', values: [] }
}

async function valuesOfFlag(option: Option, line: Line, io: Io): Promise<Completion> {
  if (option.argChoices !== undefined) return words(option.argChoices.map((choice) => [choice, '']))
  const lookUp = LOOK_UPS[option.long ?? '']
  if (lookUp === undefined) return pathsFor(option.flags) ?? NOTHING
  return tryLookUp(lookUp, line, io)
}

type LookUp = (line: Line, io: Io) => Promise<Completion>

function tryLookUp(lookUp: LookUp, line: Line, io: Io): Promise<Completion> {
  return lookUp(line, io).catch((error: unknown) => {
    // The command itself will report the error.
    if (error instanceof FpkiError) return NOTHING
    throw error
  })
}

/** Paths, if the placeholder of an option or argument stands for one. */
function pathsFor(placeholder: string): Completion | null {
  if (/\b(dir(ector(y|ies)|s)?|kit)\b/.test(placeholder)) return { kind: 'directories', values: [] }
  return /\b(file|path|csr|crt|source|target)s?\b/.test(placeholder) ? { kind: 'files', values: [] } : null
}

/** The options whose values fpki can look up. */
const LOOK_UPS: Readonly<Record<string, LookUp>> = {
  '--api': apis,
  '--factory': factories,
  '--ca': caFiles,
  '--ca-file': caFiles,
  '--ca-serial': caSerials,
}

/** The two APIs with a name, and the servers with a stored login. */
async function apis(_: Line, { env, home, machine }: Io): Promise<Completion> {
  const { readLogins } = await import('../config/logins.js')
  const { thisMachine } = await import('../machine/index.js')
  const logins = await readLogins(thisMachine(machine).files, { env, home }).catch(() => new Map<string, unknown>())
  return words([
    ['embedded', 'stored in files on this machine'],
    ['foundries', 'api.foundries.io'],
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

/** The certificates of device CAs in the PKI directory on the command line. */
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
  // Completion must not wait for a server.
  if (state === null) return NOTHING
  const names = await embeddedFactoriesOn({ stateDirectory: state }, machine)
  const ofDirectory = names.find((name) => name === basename(directory ?? ''))
  const factory = namedFactory(settings(values), io.env) ?? ofDirectory ?? onlyFactory(names)
  const api = embeddedFactoryOn({ stateDirectory: state, factory }, { ...machine, signal: io.signal })
  const { deviceCas } = await showPki({ factory }, { ...machine, api })
  // No colons, which separate words in bash.
  return words(deviceCas.map(({ serialHex, subject }) => [`0x${serialHex.replaceAll(':', '')}`, subject]))
}

function settings({ api, factory }: Line['values']): SettingsFlags {
  return { ...(api === undefined ? {} : { api }), ...(factory === undefined ? {} : { factory }) }
}

function words(values: readonly Value[]): Completion {
  return { kind: 'words', values }
}
