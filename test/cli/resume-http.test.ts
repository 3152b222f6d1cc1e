import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../support/cli.js'
import { readJournal } from '../support/journal.js'
import { serve } from '../support/served.js'
import { expectResumed, killed, momentsToTry } from './killed.js'

/** A PKI whose Factory API is `fpki api serve`, and what puts both back to how they were made. */
async function scene() {
  const served = await serve()
  const token = await served.token('--factory', 'acme')
  const { home: paths, run } = served.client(token)
  await mkdir(paths.path)
  const home = { ...paths, fpki: run }
  const directory = join(home.path, 'acme')
  const created = await home.fpki(['ca', 'create', directory, '--quiet'])
  expect({ status: created.status, stderr: created.stderr }).toEqual({ status: 0, stderr: '' })
  const places = [directory, join(served.home.state, 'factories')]
  const kept = join(served.home.path, 'kept')
  for (const [at, place] of places.entries()) await cp(place, join(kept, String(at)), { recursive: true })
  const putBack = async () => {
    for (const [at, place] of places.entries()) {
      await rm(place, { recursive: true })
      await cp(join(kept, String(at)), place, { recursive: true })
    }
  }
  const server = { url: served.url, token, cacert: served.trust }
  return { home, directory, server, putBack }
}

test.each(['rotate-tls', 'add-device-ca', 'revoke-device-ca'])(
  '%s over HTTP, killed after each API call and before some, is finished by `ca resume`',
  async (command) => {
    const { home, directory, server, putBack } = await scene()
    const path = (name: string) => join(directory, name)
    const commandIn = async () => (await readJournal(directory)).command
    let open = 0
    const probe = { home, directory, command, when: 'after-call', server } as const
    const { all, tried } = await momentsToTry(probe, `${command} over HTTP`)
    expect(all).toBeGreaterThan(3)
    for (const nth of tried) {
      const when = nth % 3 === 0 ? 'before-call' : 'after-call'
      await putBack()
      expect(await killed({ home, directory, command, nth, when, server })).toBe(true)
      if ((await commandIn()) !== `ca ${command}`) continue
      open++
      await expectResumed(home, directory)
      const issued = ['tls-crt', ...(command === 'add-device-ca' ? ['site-b.pem'] : [])].map(path)
      await output('openssl', ['verify', '-x509_strict', '-CAfile', path('factory_ca.pem'), ...issued])
      const shown = (await home.fpki(['ca', 'show'])).stdout
      for (const file of issued) expect(shown).toContain(await readFile(file, 'utf8'))
      if (command === 'revoke-device-ca') expect(shown).not.toContain(await readFile(path('local-ca.pem'), 'utf8'))
    }
    if (tried.length === all) expect(open).toBeGreaterThan(1)
    console.log(`SIGKILL points tried over HTTP (${command}): ${tried.length} of ${all}, with work open: ${open}`)
  },
)
