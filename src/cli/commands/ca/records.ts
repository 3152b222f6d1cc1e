/** The commands that read audit log and history. One chunk of the bundle, because more chunks slow down every start. */
export { diff, history } from './history.js'
export { log, verifyLog } from './log.js'
