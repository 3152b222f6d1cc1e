/** Configuration for servers, loaded only by commands that need it. */
export { connectionTo, explicitToken, fioctlOf, serverUrl } from './connection.js'
export { readFioctlConfig } from './fioctl.js'
export { requireChosenApi } from './require-chosen-api.js'
