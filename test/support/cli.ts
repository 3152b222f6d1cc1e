import { rmSync } from 'node:fs'
import { chown, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { needsProcess, runInProcess } from './in-process.js'
import { type Ended, FPKI, QUICK_FPKI, runProgram, type Start } from './run-program.js'

export { type Ended, FPKI, output, QUICK_FPKI, runProgram, type Start } from './run-program.js'

/** A new empty directory (0700) that is removed with the test. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'fpki-test-'))
  // A program that is about to end may still write a file.
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 20 }))
  return path
}

/** fpki with a HOME of its own. */
export interface Home {
  /** The HOME; PKI directories of the test go into it too. */
  readonly path: string
  /** Where the embedded Factory API keeps its state. */
  readonly state: string
  /** Runs fpki in the process of the test, unless `start` asks for what only a process of its own can have. */
  fpki(words: readonly string[], start?: Start): Promise<Ended>
  /** Runs it in a process of its own, as people do: for signals, the cost of passphrases, and what is said of a process. */
  spawn(words: readonly string[], start?: Start): Promise<Ended>
}

/** The user that tests of permissions run as: root may do everything. */
export const NOBODY = { uid: 65534, gid: 65534 }

/** A new, empty HOME; it belongs to `owner` when that is given. */
export async function newHome(owner?: typeof NOBODY): Promise<Home> {
  const path = await temporaryDirectory()
  if (owner !== undefined) await chown(path, owner.uid, owner.gid)
  return homeAt(path, owner)
}

/** A folder, which is there, as HOME; fpki is always started as `always` says. */
export function homeAt(path: string, always: Start = {}): Home {
  const inHome = ({ env, ...start }: Start = {}): Start => ({
    ...always,
    ...start,
    env: { HOME: path, NO_COLOR: '1', ...always.env, ...env },
  })
  const start = (program: string, words: readonly string[], all: Start) =>
    runProgram(process.execPath, [program, ...words], all)
  return {
    path,
    state: join(path, '.local', 'share', 'fpki'),
    spawn: (words, more) => start(FPKI, words, inHome(more)),
    fpki: (words, more) => {
      const all = inHome(more)
      return needsProcess(words, all) ? start(QUICK_FPKI, words, all) : runInProcess(words, all)
    },
  }
}
