import type { Command } from 'commander'
import type { Io } from '../output.js'
import { addCreate } from './ca/create.js'
import { addImportRoot } from './ca/import-root.js'
import { addRootCsr } from './ca/root-csr.js'
import { addShow } from './ca/show.js'
import { addCheck } from './hsm/check.js'
import { addList } from './hsm/list.js'

/** What adds the words of one command: its name, arguments, flags and examples. Its action is loaded when it runs. */
export type AddWords = (group: Command, io: Io) => void

/** The commands of each group, in the order in which --help lists them. */
export const WORDS: Readonly<Record<'ca' | 'hsm', readonly AddWords[]>> = {
  ca: [addCreate, addShow, addRootCsr, addImportRoot],
  hsm: [addList, addCheck],
}
