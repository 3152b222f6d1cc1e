import { embeddedPortsOn, thisMachine } from '../../../machine/index.js'
import { type DeleteFactoryResult, deleteFactory as moveAside } from '../../../operations/api/delete-factory.js'
import { shellWord } from '../../../shell-word.js'
import { type ConfirmFlags, confirm } from '../../confirm.js'
import { requireSameFactory, servedStateDirectory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** The flags of `api delete-factory`. */
export interface DeleteFactoryFlags extends CommonFlags, ConfirmFlags {}

/** `fpki api delete-factory <factory>` */
export async function deleteFactory(factory: string, flags: DeleteFactoryFlags, io: Io): Promise<void> {
  requireSameFactory(factory, flags)
  const machine = thisMachine(io.machine)
  const stateDirectory = await servedStateDirectory(flags, io, machine)
  const deleted = await moveAside(
    { stateDirectory, factory },
    { ...embeddedPortsOn(machine, io.signal), confirm: (plan) => confirm(questionOf(plan), flags, io) },
  )
  if (flags.json) printJson(io, deleted)
  else if (!flags.quiet) printText(io, summary(deleted))
}

function questionOf({ factory, stateDirectory, copy, rootFingerprint }: DeleteFactoryResult) {
  const root = rootFingerprint === null ? 'It has no root of trust.' : `Root of trust, SHA-256: ${rootFingerprint}`
  return {
    summary: [`Move the factory ${factory} in ${stateDirectory} to ${copy}.`, root],
    dangers: [`Commands will no longer find the factory ${factory} or its gateway and online-ca keys.`],
    question: `To confirm, type the name of the factory (${factory}):`,
    answer: factory,
    ask: 'always' as const,
  }
}

function summary({ factory, stateDirectory, copy, tokens }: DeleteFactoryResult): string {
  const undo = `mv ${shellWord(copy)} ${shellWord(`${stateDirectory}/factories/${factory}`)}`
  const lines = [
    `Moved the factory ${factory}, with its keys, to ${copy}`,
    '  PKI directories are unchanged.',
    ...(tokens.length === 0 ? [] : [`  Tokens still valid for this name: ${tokens.join(', ')}`]),
    `  To undo: \`${undo}\``,
  ]
  return `${lines.map(printable).join('\n')}\n`
}
