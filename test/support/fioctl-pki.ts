import { chmod, cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Home, newHome } from './cli.js'
import { fioctlToken, homeWith } from './token.js'
import { type FioctlPki, fioctlPath } from './transcript.js'

/** A copy of a PKI of fioctl, in a HOME of its own. */
export interface CopiedFioctlPki {
  readonly home: Home
  readonly directory: string
  /** The flags of its token; none for keys in files. */
  readonly flags: readonly string[]
}

/** Copies a PKI of fioctl, with its token if it has one. */
export async function copiedFioctlPki(pki: FioctlPki): Promise<CopiedFioctlPki> {
  const token = pki === 'hsm' ? await fioctlToken() : null
  const home = token === null ? await newHome() : await homeWith(token, '1234')
  const directory = join(home.path, 'pki')
  await cp(fioctlPath(pki, 'pki'), directory, { recursive: true })
  await chmod(directory, 0o700)
  for (const name of await readdir(directory)) await chmod(join(directory, name), 0o400)
  return { home, directory, flags: token?.flags ?? [] }
}
