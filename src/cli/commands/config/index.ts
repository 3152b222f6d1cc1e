/** The commands about settings and servers, as one chunk of the bundle: every chunk more costs every start. */

export { embeddedStateDirectory } from '../../factory.js'
export { deleteFactory } from '../api/delete-factory.js'
export { exportGateway } from '../api/export-gateway.js'
export { ping } from '../api/ping.js'
export { login, logout } from '../login.js'
export { configPath } from './path.js'
export { configSet } from './set.js'
export { configShow } from './show.js'
export { configUnset } from './unset.js'
