import { FpkiError } from '../errors.js'
import { shellWord } from '../shell-word.js'

/** An option with which an interrupted command was started, by its name in the library; for people. */
export interface StartedOption {
  readonly name: string
  readonly value: string
}

/** ERR_UNFINISHED, with the options that tell the interrupted command from the one that was refused. */
export class UnfinishedError extends FpkiError {
  readonly directory: string
  readonly command: string
  readonly options: readonly StartedOption[]

  constructor(directory: string, command: string, options: readonly StartedOption[]) {
    const at = shellWord(directory)
    super(
      'ERR_UNFINISHED',
      unfinishedMessage(directory, command, options),
      `Finish it with \`fpki ca resume ${at}\`, or discard it with \`fpki ca abandon ${at}\`; then run this command again.`,
    )
    this.directory = directory
    this.command = command
    this.options = options
  }
}

/** The message of an {@link UnfinishedError}, with the names that its reader knows. */
export function unfinishedMessage(directory: string, command: string, options: readonly StartedOption[]): string {
  const started = options.map(({ name, value }) => `${name} ${value || '(not given)'}`).join(', ')
  return `${directory} has an interrupted \`${command}\`, started with ${started || 'other options'}.`
}

/** Options with their names and values as text: `root.hsm.tokenLabel`. */
export function optionsAsText(options: object, prefix = ''): readonly StartedOption[] {
  return Object.entries(options).flatMap(([key, value]: [string, unknown]): readonly StartedOption[] => {
    const name = `${prefix}${key}`
    if (value === null || value === undefined) return []
    if (Array.isArray(value)) return [{ name, value: value.join(' ') }]
    return typeof value === 'object' ? optionsAsText(value, `${name}.`) : [{ name, value: String(value) }]
  })
}
