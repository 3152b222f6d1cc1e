/** What scripts/pages.mjs makes the manual pages and docs/cli.md with. No part of the program. */
export { commandPages } from './commands.js'
export { manPages } from './man.js'
export { reference } from './reference.js'
