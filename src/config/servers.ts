/** What only servers take, and changes that might be meant for one: apart from the rest, which every command loads. */
export { connectionTo, explicitToken, fioctlOf, serverUrl } from './connection.js'
export { readFioctlConfig } from './fioctl.js'
export { requireChosenApi } from './require-chosen-api.js'
