/** The commands that look at register and history, as one chunk of the bundle: every chunk more costs every start. */
export { diff, history } from './history.js'
export { log, verifyLog } from './log.js'
