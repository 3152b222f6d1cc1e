/** The commands that issue device certificates and look at them. One chunk of the bundle. */
export { issue } from './issue.js'
