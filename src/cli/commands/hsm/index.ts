/** The commands that always work with an HSM, as one chunk of the bundle: every chunk more costs every start. */
export { importRootKey } from '../ca/import-root.js'
export { check } from './check.js'
export { list } from './list.js'
