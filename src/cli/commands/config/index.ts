/** The commands for settings and servers. One chunk of the bundle, because more chunks slow down every start. */

export { embeddedStateDirectory } from '../../factory.js'
export { deleteFactory } from '../api/delete-factory.js'
export { exportGateway } from '../api/export-gateway.js'
export { ping } from '../api/ping.js'
export { login, logout } from '../login.js'
export { configPath } from './path.js'
export { configSet } from './set.js'
export { configShow } from './show.js'
export { configUnset } from './unset.js'
