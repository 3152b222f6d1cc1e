import { expect, test } from 'vitest'
import { newFactory } from '../factory/support/embedded.js'
import { newHome } from '../support/cli.js'
import { factoryServer } from '../support/factory-server.js'

test('Ctrl-C ends the waiting for a slow server at once', async () => {
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
      }, 20)
    },
  })
  expect(ended).toMatchObject({ status: 130, stderr: expect.stringContaining('ERR_SIGINT') })
  expect(server.seen.length).toBe(1)
})
