import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { FPKI, output } from './run-program.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A HOME with a PKI of the factory acme in the folder acme; null before a build. Nobody writes to it: it is copied. */
    readonly pkiHome: string | null
  }
}

/** Makes the PKI of which most tests have a copy: once in the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(tmpdir(), 'fpki-home-'))
  const isBuilt = existsSync(join(FPKI, '../../dist/cli/cli.js'))
  if (isBuilt) {
    const env = { HOME: home, XDG_CACHE_HOME: join(home, 'cache') }
    await output(process.execPath, [FPKI, 'ca', 'create', join(home, 'acme'), '--quiet'], { env })
    await rm(join(home, 'cache'), { recursive: true, force: true })
  }
  project.provide('pkiHome', isBuilt ? home : null)
  return () => rm(home, { recursive: true })
}
