/** The commands that always use an HSM. One chunk of the bundle, because more chunks slow down every start. */
export { importRootKey } from '../ca/import-root.js'
export { check } from './check.js'
export { list } from './list.js'
