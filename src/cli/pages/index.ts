/** Generators of the manual pages and docs/cli.md, for scripts/pages.mjs. Not part of the program. */
export { manPages } from './man.js'
export { reference } from './markdown.js'
export { commandPages } from './walk.js'
