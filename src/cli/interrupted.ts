import type { Command } from 'commander'
import { FpkiError } from '../errors.js'
import { openWork } from '../journal/unfinished.js'
import { thisMachine } from '../machine/index.js'
import { shellWord } from '../shell-word.js'
import { resolved } from './directory.js'
import { type Line, optionsOf, readLine, takesValue } from './line.js'
import type { Io } from './output.js'

/** The error of an interrupted command, with the way to continue: resume it if there is a journal, else run it again. */
export async function interrupted(
  { code, message }: FpkiError,
  words: readonly string[],
  program: Command,
  io: Io,
): Promise<FpkiError> {
  return new FpkiError(code, message, await hintFor(readLine(words, program), io))
}

async function hintFor(line: Line, io: Io): Promise<string> {
  if (nameOf(line.command) === 'devices issue')
    return 'What was issued is in the device register. Run the same command again: nothing is signed twice.'
  if (nameOf(line.command) === 'devices import')
    return 'What was imported is in the device register. Run the same command again to import the rest.'
  if (!savesProgress(line.command)) return 'This command saves no progress. Run it again.'
  const [operand] = line.operands
  const directory = operand === undefined ? null : resolved(operand, io)
  const open = directory === null ? null : await openOrNothing(directory, io)
  if (directory === null || open === null) return 'Nothing was changed. Run the same command again.'
  const flags = flagsToRepeat(line.command, open.api === null)
  return `Progress is saved; to finish: ${['fpki ca resume', shellWord(directory), ...flags].join(' ')}`
}

/** The commands that keep a journal in the PKI directory, which is their first argument. */
const JOURNALED: readonly string[] = [
  'ca create',
  'ca root-csr',
  'ca rotate-tls',
  'ca add-device-ca',
  'ca revoke-device-ca',
  'ca disable-device-ca',
  'ca enable-device-ca',
  'ca import-root',
  'ca cross-sign',
  'ca renew-root',
  'ca resume',
  'ca abandon',
  'est authorize',
]

function savesProgress(command: Command): boolean {
  return JOURNALED.includes(nameOf(command))
}

function nameOf(command: Command): string {
  return `${command.parent?.name()} ${command.name()}`
}

/** An unreadable directory counts as one without a journal. */
async function openOrNothing(directory: string, io: Io) {
  return openWork({ directory }, thisMachine(io.machine)).catch(() => null)
}

/** Options that no journal records: where secrets and keys are, and how to reach the API. Never a secret itself. */
const IN_NO_JOURNAL = [
  '--root-key',
  '--passphrase-file',
  '--hsm-pin-file',
  '--hsm-pinpad',
  '--with-passphrase-file',
  '--with-hsm-pin-file',
  '--with-hsm-uri',
  '--hsm-init-args',
  '--config',
  '--cacert',
  '--timeout',
]

/** Also needed for a journal from a restored backup, which fpki does not trust. */
const UNPROVEN = ['--api', '--state-dir', '--hsm-module']

/** The options of the interrupted command that `ca resume` needs again. */
function flagsToRepeat(command: Command, isUnproven: boolean): readonly string[] {
  const names = isUnproven ? [...IN_NO_JOURNAL, ...UNPROVEN] : IN_NO_JOURNAL
  const values: Readonly<Record<string, unknown>> = command.optsWithGlobals()
  const options = optionsOf(command).filter(({ long }) => names.includes(long ?? ''))
  return options.flatMap((option) => {
    const { long } = option
    const value = values[option.attributeName()]
    if (value === undefined || !long) return []
    return takesValue(option) ? [long, shellWord(String(value))] : [long]
  })
}
