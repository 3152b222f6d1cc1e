import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFactory } from '../factory/support/embedded.js'
import { newHome } from '../support/cli.js'
import { factoryServer } from '../support/factory-server.js'
import { startProxy } from '../support/proxy.js'
import { answering } from '../support/terminal.js'
import { TOKEN } from './fioctl-yaml.js'

test('Ctrl-C stops waiting for a slow server at once', async () => {
  const home = await newHome()
  const server = await factoryServer((await newFactory()).api, 'none')
  server.faults.push({ method: 'GET', times: 9, fault: { kind: 'slow' } })
  const ended = await home.fpki(['api', 'ping', '--api', server.url, '--factory', 'acme'], {
    env: { FPKI_TOKEN: 'token' },
    onStart: (child) => {
      const timer = setInterval(() => {
        if (server.seen.length === 0) return
        clearInterval(timer)
        child.kill('SIGINT')
      })
    },
  })
  expect(ended).toMatchObject({ status: 130, stderr: expect.stringContaining('ERR_SIGINT') })
  expect(server.seen.length).toBe(1)
})

test('HTTPS_PROXY is used', async () => {
  const home = await newHome()
  const server = await factoryServer((await newFactory()).api)
  const proxy = await startProxy(server.port)
  const url = `https://api.example.test:${server.port}`
  const env = { FPKI_TOKEN: TOKEN, CACERT: server.root, HTTPS_PROXY: `http://me:pass-word@${proxy.at}` }
  const { status, stdout, stderr } = await home.fpki(['api', 'ping', '--api', url, '-f', 'acme', '--verbose'], { env })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain(url)
  expect(proxy.asked.length).toBeGreaterThan(0)
  const refused = await home.fpki(['api', 'ping', '--api', url, '-f', 'acme', '--verbose'], {
    env: { ...env, HTTPS_PROXY: 'http://me:pass-word@127.0.0.1:1' },
  })
  expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('nothing listens there') })
  expect(refused.stderr).not.toContain('pass-word')
})

test('login prompts for the token without echo', async () => {
  const home = await newHome()
  const words = ['login', '--api', 'https://factory.example']
  const { status, stdout } = await answering(words, { HOME: home.path }, [['Token:', `${TOKEN}\r`]])
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('Stored the token') })
  expect(stdout).not.toContain(TOKEN)
  const kept = await readFile(join(home.path, '.config/fpki/credentials.yaml'), 'utf8')
  expect(kept).toBe(`https://factory.example:\n  token: ${TOKEN}\n`)
})
