/** The commands that look at audit log and history, as one chunk of the bundle: every chunk more costs every start. */
export { diff, history } from './history.js'
export { log, verifyLog } from './log.js'
