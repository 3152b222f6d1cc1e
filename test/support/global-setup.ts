import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, statfsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { TestProject } from 'vitest/node'
import { BUNDLES } from './bundles.js'
import { stopPostgres } from './postgres.js'
import { FPKI, output } from './run-program.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A HOME with a PKI of the factory acme in the folder acme; null before a build. Nobody writes to it: it is copied. */
    readonly pkiHome: string | null
    /** The path of a copy of bin/fpki.js that every user can read; the checkout may be where only its owner can look. */
    readonly readableProgram: string
    /** A folder for what the tests of several files have copies of; it goes at the end of the run. */
    readonly originals: string
    /** The process of the whole run. */
    readonly runner: number
  }
}

/** Where Linux keeps files in memory. */
const MEMORY = '/dev/shm'

/** What the tests need at once is far less. */
const ENOUGH_BYTES = 2 ** 30

/**
 * Prepares the whole run: temporary files are in memory where that is possible, because each command writes its files to
 * the disk with fsync; and what most tests have a copy of is made once.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (process.env['TMPDIR'] === undefined && (await isFitFor(MEMORY))) process.env['TMPDIR'] = MEMORY
  const home = await mkdtemp(join(tmpdir(), 'fpki-home-'))
  const program = await mkdtemp(join(tmpdir(), 'fpki-program-'))
  const originals = await mkdtemp(join(tmpdir(), 'fpki-originals-'))
  // Other users run what is below it.
  await chmod(originals, 0o711)
  const isBuilt = existsSync(join(FPKI, '../../dist/cli/cli.js'))
  if (isBuilt) {
    await makePki(home)
    copyProgram(program)
    await bundleScripts()
  }
  project.provide('pkiHome', isBuilt ? home : null)
  project.provide('originals', originals)
  project.provide('runner', process.pid)
  project.provide('readableProgram', join(program, 'bin', 'fpki.js'))
  return async () => {
    await stopPostgres(join(originals, 'postgres', 'data'))
    for (const folder of [home, program, originals]) await rm(folder, { recursive: true })
  }
}

/** Is there enough space below a folder, and can programs run there? Containers often have little memory for it. */
async function isFitFor(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize } = statfsSync(folder)
    if (bavail * bsize < ENOUGH_BYTES) return false
    const attempt = await mkdtemp(join(folder, 'fpki-attempt-'))
    const script = join(attempt, 'script')
    await writeFile(script, '#!/bin/sh\n', { mode: 0o755 })
    const { status } = spawnSync(script)
    await rm(attempt, { recursive: true })
    return status === 0
  } catch {
    return false
  }
}

/** Makes the PKI of which most tests have a copy. */
async function makePki(home: string): Promise<void> {
  const env = { HOME: home, XDG_CACHE_HOME: join(home, 'cache') }
  await output(process.execPath, [FPKI, 'ca', 'create', join(home, 'acme'), '--quiet'], { env })
  await rm(join(home, 'cache'), { recursive: true, force: true })
}

/** Bundles the scripts that use the library: its packages take 0.3 s to load one by one, and tests start them often. */
async function bundleScripts(): Promise<void> {
  await build({
    entryPoints: [
      fileURLToPath(new URL('./killed-change.mjs', import.meta.url)),
      fileURLToPath(new URL('./killed-create.mjs', import.meta.url)),
      fileURLToPath(new URL('./issuing-process.mjs', import.meta.url)),
    ],
    outdir: BUNDLES,
    outExtension: { '.js': '.mjs' },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', mainFields: ['module', 'main'] },
    external: ['fastify', 'pino', 'pkcs11js', '@photostructure/sqlite', 'pg', 'pgpass'],
    // As in scripts/build.mjs.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  })
}

function copyProgram(folder: string): void {
  const checkout = join(FPKI, '..', '..')
  for (const name of ['bin', 'dist', 'package.json'])
    cpSync(join(checkout, name), join(folder, name), { recursive: true })
  spawnSync('chmod', ['-R', 'a+rX', folder])
}
