import type { Command } from 'commander'
import type { Io } from '../output.js'
import { addCreate } from './ca/create.js'
import { addImportRoot } from './ca/import-root.js'
import { addShow } from './ca/show.js'
import { addCompletion } from './completion.js'
import { addCheck } from './hsm/check.js'
import { addList } from './hsm/list.js'

/** What adds the words of one command: its name, arguments, flags and examples. Its action is loaded when it runs. */
export type AddWords = (group: Command, io: Io) => void

/** The groups of commands. One that has no command yet is not shown. */
export type Group = 'ca' | 'est' | 'hsm'

/** The commands of each group, in the order in which --help lists them. */
export const WORDS: Readonly<Record<Group, readonly AddWords[]>> = {
  ca: [addCreate, addShow, addImportRoot],
  est: [],
  hsm: [addList, addCheck],
}

/** The commands that are in no group. */
export const SINGLE_WORDS: readonly AddWords[] = [addCompletion]
