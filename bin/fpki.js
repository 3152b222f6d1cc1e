#!/usr/bin/env node
const module_ = require('node:module')
const { homedir } = require('node:os')
const { isAbsolute } = require('node:path')

// Node 22 and newer keep compiled code; in a folder of the user's own, because a shared one could be tampered with.
function cacheFolder() {
  const { XDG_CACHE_HOME = '' } = process.env
  if (isAbsolute(XDG_CACHE_HOME)) return `${XDG_CACHE_HOME}/fpki`
  try {
    return isAbsolute(homedir()) ? `${homedir()}/.cache/fpki` : null
  } catch {
    return null
  }
}

const cache = module_.enableCompileCache ? cacheFolder() : null
if (cache !== null) module_.enableCompileCache(cache)
import('../dist/cli/cli.js')
  .then(({ run }) => run())
  .then((exitCode) => {
    process.exitCode = exitCode
  })
