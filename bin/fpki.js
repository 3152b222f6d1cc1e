#!/usr/bin/env node
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// Node 22 and newer keep compiled code; in a folder of the user's own, because a shared one could be tampered with.
module.enableCompileCache?.(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'fpki'))
const { run } = await import('../dist/cli.js')
process.exitCode = await run()
