import { randomInt } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import type { Ended } from '../../support/cli.js'
import { copiedPki, type Made } from '../made.js'

const COUNTING = pathToFileURL(fileURLToPath(new URL('../../support/count-signatures.mjs', import.meta.url))).href

/** A `devices issue` that is killed again and again. */
export interface KilledJob extends Made {
  /** Runs it, counting, with a kill or without. */
  run(words: readonly string[], kill: RandomKill | null, stdin?: string): Promise<KilledRun>
}

/** A kill at a random moment: so many milliseconds after one of these signatures, or else before it (-1). */
export interface RandomKill {
  readonly between: readonly [number, number]
  readonly delay?: number
}

/** One run of a {@link KilledJob}. */
export interface KilledRun extends Ended {
  /** The UUIDs of all certificates that were signed, or about to be. */
  readonly signed: readonly string[]
  /** For messages. */
  readonly moment: string
}

/** How long after a signature a process is killed, at most: it commits and publishes meanwhile. */
const MAX_DELAY = 40

/** A PKI whose `devices issue` counts its signatures. */
export async function killedJob(): Promise<KilledJob> {
  const pki = await copiedPki()
  let runs = 0
  return {
    ...pki,
    run: async (words, kill, stdin) => {
      const file = join(pki.home.path, `signed-${++runs}`)
      await writeFile(file, '')
      const [least, most] = kill?.between ?? [0, 0]
      const [killAt, delay] = [randomInt(least, most + 1), kill?.delay ?? randomInt(-1, MAX_DELAY)]
      const ended = await pki.home.spawn(['devices', 'issue', pki.directory, ...words], {
        env: {
          NODE_OPTIONS: `--import=${COUNTING}`,
          FPKI_TEST_SIGNED: file,
          FPKI_TEST_KILL_AT: String(killAt),
          FPKI_TEST_KILL_DELAY: String(delay),
        },
        ...(stdin === undefined ? {} : { stdin }),
      })
      const signed = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
      const moment = `${delay} ms after signature ${killAt}: ${ended.status ?? ended.signal} ${ended.stderr}`
      return { ...ended, signed, moment }
    },
  }
}

/** Asserts that nothing was signed again that was visible, and of each killed run at most one chunk. */
export function expectSignedOnce(runs: readonly (KilledRun & { readonly visibleBefore: ReadonlySet<string> })[]): void {
  for (const [at, { signed, visibleBefore, moment }] of runs.entries()) {
    expect(new Set(signed).size, moment).toBe(signed.length)
    expect(
      signed.filter((uuid) => visibleBefore.has(uuid)),
      moment,
    ).toEqual([])
    const later = new Set(runs.slice(at + 1).flatMap((run) => run.signed))
    expect(signed.filter((uuid) => later.has(uuid)).length, moment).toBeLessThanOrEqual(256)
  }
}
