import { chmod, chown } from 'node:fs/promises'
import { inject } from 'vitest'
import { type Home, NOBODY, newHome, runProgram, temporaryDirectory } from '../support/cli.js'

const AM_ROOT = process.geteuid?.() === 0

/** Another user than root, with a HOME and a copy of the program that every user can read. */
export interface OrdinaryUser extends Home {
  /** Gives a file or directory to this user, with a mode. */
  own(path: string, mode: number): Promise<void>
}

/** Root may write everywhere, so tests of permissions run as another user; who is no root runs them as itself. */
export async function ordinaryUser(): Promise<OrdinaryUser> {
  const home = await newHome(AM_ROOT ? NOBODY : undefined)
  const program = inject('readableProgram')
  const spawned: Home['spawn'] = (words, { env, ...start } = {}) =>
    runProgram(process.execPath, [program, ...words], {
      ...(AM_ROOT ? NOBODY : {}),
      ...start,
      env: { HOME: home.path, NO_COLOR: '1', ...env },
    })
  return {
    ...home,
    fpki: spawned,
    spawn: spawned,
    own: async (path, mode) => {
      if (AM_ROOT) await chown(path, NOBODY.uid, NOBODY.gid)
      await chmod(path, mode)
    },
  }
}

/** A directory of a user that is neither root nor the one of {@link ordinaryUser}. */
export async function someoneElsesDirectory(): Promise<string> {
  const path = await temporaryDirectory()
  if (!AM_ROOT) return '/usr'
  await chown(path, 12_345, 12_345)
  await chmod(path, 0o755)
  return path
}
