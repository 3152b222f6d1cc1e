// Runs programs for a process of the tests: `{ id, program, words, options, stdin }` come as messages, `{ id, ended }` or
// `{ id, failure }` go back.
import { spawn } from 'node:child_process'

process.on('message', ({ id, program, words, options, stdin }) => {
  const child = spawn(program, words, options)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  child.on('error', (failure) => answer({ id, failure }))
  child.on('close', (status, signal) => answer({ id, ended: { status, signal, stdout, stderr } }))
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(stdin)
})

function answer(message) {
  if (process.connected) process.send(message)
}
