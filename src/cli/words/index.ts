import type { Command } from 'commander'
import type { Io } from '../output.js'
import { addCreate } from './ca/create.js'
import { addImportRoot } from './ca/import-root.js'
import { addShow } from './ca/show.js'
import { addCheck } from './hsm/check.js'
import { addList } from './hsm/list.js'
import { addLint } from './lint.js'

/** What adds the words of one command: its name, arguments, flags and examples. Its action is loaded when it runs. */
export type AddWords = (group: Command, io: Io) => void

/** The commands of each group (`top`: of none), in the order in which --help lists them. */
export const WORDS: Readonly<Record<'ca' | 'top' | 'hsm', readonly AddWords[]>> = {
  ca: [addCreate, addShow, addImportRoot],
  top: [addLint],
  hsm: [addList, addCheck],
}
