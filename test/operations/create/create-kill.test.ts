import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bundledScript } from '../../support/bundles.js'
import { type Ended, type Home, newHome, output, runProgram } from '../../support/cli.js'
import { filesBelow } from '../../support/files.js'
import { readJournal } from '../../support/journal.js'
import { pointsToTry } from '../../support/points.js'

const KILLED_CREATE = bundledScript('killed-create')

/** Keys and certificates, by their path. */
async function treasures(home: Home): Promise<ReadonlyMap<string, string>> {
  const paths = (await filesBelow(home.path)).filter(
    (path) => !path.includes('.fpki-unfinished') && /\.(key|pem)$|-crt$/.test(path),
  )
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path, 'utf8')] as const)))
}

async function names(home: Home): Promise<readonly string[]> {
  return (await filesBelow(home.path))
    .map((path) => path.slice(home.path.length).replace(/\d{8}T\d{6}Z/, 'time'))
    .filter((path) => !path.includes('.cache'))
}

function runKilled(home: Home, nth: number, when: string): Promise<Ended> {
  const words = [KILLED_CREATE, join(home.path, 'acme'), home.state, String(nth), when]
  return runProgram(process.execPath, words, { env: { HOME: home.path } })
}

describe.each(['before', 'after'])('ca create killed %s each write of the journal', (when) => {
  it('resumes on the next run, and loses nothing', async () => {
    const undisturbed = await newHome()
    expect((await undisturbed.fpki(['ca', 'create', join(undisturbed.path, 'acme')])).status).toBe(0)
    const all = Number((await runKilled(await newHome(), 0, when)).stdout)
    // It begins, then three boundaries between four steps, and the end.
    expect(all).toBe(5)
    const tried = pointsToTry(Array(all).fill('write'), `ca create ${when}`)
    for (const nth of tried) {
      const home = await newHome()
      expect((await runKilled(home, nth, when)).signal).toBe('SIGKILL')
      const before = await treasures(home)
      const again = await home.fpki(['ca', 'create', join(home.path, 'acme')])
      const journal = await readJournal(join(home.path, 'acme'))
      // Killed after the very last write, the work was done.
      expect([0, 3], again.stderr).toContain(again.status)
      expect(journal).toMatchObject({ finishedAt: expect.any(String) })
      expect([...(await treasures(home))]).toEqual(expect.arrayContaining([...before]))
      expect(await names(home)).toEqual(await names(undisturbed))
      const root = join(home.path, 'acme/factory_ca.pem')
      const issued = ['tls-crt', 'online-crt', 'local-ca.pem'].map((name) => join(home.path, 'acme', name))
      await output('openssl', ['verify', '-x509_strict', '-CAfile', root, ...issued])
    }
    console.log(`SIGKILL points tried (${when}): ${tried.length} of ${all}`)
  })
})
