// Runs scripts of package.json at once, one on each core, and reports what they print: of the first one as it is printed, of
// the others as each of them ends:
//
//   node scripts/at-once.mjs NAMES...
//
// Exits with 1 when one of them failed.
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'

const names = process.argv.slice(2)
const { scripts } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
const unknown = names.filter((name) => scripts[name] === undefined)
if (unknown.length > 0) throw new Error(`package.json has no script ${unknown.join(', ')}`)

/** Resolves to whether it succeeded. npm itself would take longer than some of the scripts. */
function succeeds(name) {
  return new Promise((resolve) => {
    const stdout = name === names[0] ? 'inherit' : 'pipe'
    const child = spawn('sh', ['-c', `exec 2>&1\n${scripts[name]}`], { stdio: ['ignore', stdout, 'inherit'] })
    let said = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    child.on('close', (status, signal) => {
      const end = status === 0 ? '' : `${name}: failed (${signal ?? `status ${status}`})\n`
      process.stdout.write(`\n> ${scripts[name]}\n${said}${end}`)
      resolve(status === 0)
    })
  })
}

const waiting = [...names]
const results = []
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) results.push(await succeeds(name))
  }),
)
process.exitCode = results.every(Boolean) ? 0 : 1
