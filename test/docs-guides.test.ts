import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { namesOf } from './cli/made.js'
import { newHome, runProgram, withFpkiOnPath } from './support/cli.js'
import { PATIENT } from './support/patience.js'

/** The shell blocks of a guide, in order. */
async function blocksOf(name: string): Promise<readonly string[]> {
  const text = await readFile(fileURLToPath(new URL(`../docs/${name}`, import.meta.url)), 'utf8')
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('docs/quick-start.md runs as written, in an empty home', async () => {
  const [create, rotate, show, device, gateway, meet, ...more] = await blocksOf('quick-start.md')
  expect(more).toEqual([])
  const home = await newHome()
  const env = await withFpkiOnPath(home)
  const run = async (block = '') => {
    const { status, stderr } = await runProgram('sh', ['-c', `set -eu\n${block}`], { env, cwd: home.path })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  }
  for (const block of [create, rotate, show, device]) await run(block)
  expect(await namesOf(join(home.path, 'acme', 'tls-crt'))).toEqual(['DNS:gateway.acme.example', 'DNS:localhost'])
  const port = String(await freePort())
  const serving = spawn('sh', ['-c', `set -eu\n${gateway?.replace('8443', port)}`], {
    env,
    cwd: home.path,
    detached: true,
  })
  onTestFinished(() => {
    if (serving.pid !== undefined) process.kill(-serving.pid, 'SIGKILL')
  })
  await vi.waitFor(async () => {
    const met = await runProgram('sh', ['-c', meet?.replace('8443', port) ?? ''], { env, cwd: home.path, stdin: '' })
    expect(met).toMatchObject({ status: 0, stdout: expect.stringContaining('Verify return code: 0 (ok)') })
  }, PATIENT)
})

test('the server and the client of docs/api.md run as written, in an empty home', async () => {
  const [server = '', client = ''] = await blocksOf('api.md')
  const home = await newHome()
  const env = await withFpkiOnPath(home)
  const port = String(await freePort())
  const script = `set -eu\n${server.replace('fpki api serve', `exec fpki api serve --listen 127.0.0.1:${port}`)}`
  const serving = spawn('sh', ['-c', script], { env, cwd: home.path, detached: true })
  onTestFinished(() => {
    if (serving.pid !== undefined) process.kill(-serving.pid, 'SIGKILL')
  })
  let said = ''
  for (const stream of [serving.stdout, serving.stderr]) stream.on('data', (text) => (said += String(text)))
  await vi.waitFor(() => expect(said).toContain(`https://127.0.0.1:${port}`), PATIENT)
  const { status, stderr } = await runProgram('sh', ['-c', `set -eu\n${client.replace('8443', port)}`], {
    env,
    cwd: home.path,
  })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
})
