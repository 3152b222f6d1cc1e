import { FpkiError } from '../../../errors.js'
import { embeddedPortsOn, thisMachine } from '../../../machine/index.js'
import { type DeleteFactoryResult, deleteFactory as moveAside } from '../../../operations/api/delete-factory.js'
import { shellWord } from '../../../shell-word.js'
import { type ConfirmFlags, confirm } from '../../confirm.js'
import { servedStateDirectory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson } from '../../output.js'

/** The flags of `api delete-factory`. */
export interface DeleteFactoryFlags extends CommonFlags, ConfirmFlags {}

/** `fpki api delete-factory <factory>` */
export async function deleteFactory(factory: string, flags: DeleteFactoryFlags, io: Io): Promise<void> {
  if (flags.factory !== undefined && flags.factory !== factory) {
    const text = `Two factories are named: ${factory}, and ${flags.factory}.`
    throw new FpkiError('ERR_USAGE', text, 'Leave --factory out.')
  }
  const machine = thisMachine(io.machine)
  const stateDirectory = await servedStateDirectory(flags, io, machine)
  const deleted = await moveAside(
    { stateDirectory, factory },
    { ...embeddedPortsOn(machine, io.signal), confirm: (plan) => confirm(questionOf(plan), flags, io) },
  )
  if (flags.json) printJson(io, deleted)
  else if (!flags.quiet) io.stdout(summary(deleted))
}

function questionOf({ factory, stateDirectory, copy, rootFingerprint }: DeleteFactoryResult) {
  const root = rootFingerprint === null ? 'It has no root of trust.' : `Its root of trust, SHA-256: ${rootFingerprint}.`
  return {
    summary: [`The factory ${factory} of ${stateDirectory} will be moved to ${copy}.`, root],
    dangers: [
      `Its gateway and online-ca keys are no longer in use after that: \`api serve\` and \`ca\` commands do not find the factory ${factory}.`,
    ],
    question: `Type the factory's name, ${factory}, to delete it:`,
    answer: factory,
    ask: 'always' as const,
  }
}

function summary({ factory, stateDirectory, copy, tokens }: DeleteFactoryResult): string {
  const back = `mv ${shellWord(copy)} ${shellWord(`${stateDirectory}/factories/${factory}`)}`
  const lines = [
    `Deleted the factory ${factory}. A copy, with its keys, is in ${copy}`,
    '  PKI directories were left as they are.',
    ...(tokens.length === 0 ? [] : [`  These tokens still open a factory of this name: ${tokens.join(', ')}`]),
    `  To undo: ${back}`,
  ]
  return `${lines.map(printable).join('\n')}\n`
}
