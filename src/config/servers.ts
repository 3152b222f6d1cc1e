/** What only servers take, and changes that might be meant for one: apart from the rest, which every command loads. */
export { connectionTo, fioctlOf, saidToken, serverUrl } from './connection.js'
export { readFioctlConfig } from './fioctl.js'
export { requireChosenApi } from './not-guessed.js'
