#!/usr/bin/env node
const module_ = require('node:module')

// Node 22 and newer keep compiled code; in a folder of the user's own, because a shared one could be tampered with.
if (module_.enableCompileCache) {
  const cache = process.env.XDG_CACHE_HOME || `${require('node:os').homedir()}/.cache`
  module_.enableCompileCache(`${cache}/fpki`)
}
require('../dist/cli/cli.js')
  .run()
  .then((exitCode) => {
    process.exitCode = exitCode
  })
