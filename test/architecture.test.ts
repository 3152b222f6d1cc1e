import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { runProgram } from './support/cli.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))

/** Arrows go down this list only (docs/architecture.md). */
const LAYERS = [
  ['cli', 'server'],
  ['operations'],
  ['journal', 'issuance'],
  ['keystore', 'factory', 'devices', 'audit-log', 'directory'],
  ['signer', 'lint', 'containers', 'storage'],
  ['pki'],
] as const

const ROOMS = [...LAYERS.flat(), 'config', 'machine']

/** An importing room, and what it imports: a module of src, a package or a module of Node. */
type Arrow = readonly [from: string, to: string]

const UPWARDS = LAYERS.flatMap((rooms, layer) =>
  rooms.flatMap((from) => LAYERS.slice(0, layer).flatMap((above) => arrows(from, above.map(targetIn)))),
)

const FORBIDDEN: readonly Arrow[] = [
  ...UPWARDS,
  ...arrows('cli', ['audit-log', 'directory', 'factory', 'signer', 'lint', 'containers', 'pki'].map(targetIn)),
  ...arrows('cli', ['storage/target', 'node:fs', 'node:fs/promises', 'node:crypto', 'node:http', 'node:https']),
  ...arrows('cli/commands/ca', ['node:fs/promises', 'node:crypto', 'undici', 'asn1js', 'pkijs', '@peculiar/x509']),
  ...arrows('operations', ['config/target', 'machine/target', 'commander', 'node:fs', 'node:fs/promises', 'undici']),
  ...arrows('factory', ['signer/target', 'signer/pkcs11/target', 'directory/target', 'config/target', 'fastify']),
  ...arrows('factory/embedded', ['machine/target', 'undici', 'node:fs']),
  ...arrows('signer', ['storage/target', 'config/target', 'machine/target', 'node:child_process', 'node:fs']),
  ...arrows('signer/pkcs11', ['cli/target', 'operations/target', 'directory/target', 'commander']),
  ...arrows('storage', ['pki/target', 'directory/target', 'node:net']),
  ...arrows('config', ROOMS.filter((room) => room !== 'config').map(targetIn)),
  ...arrows('machine', ['cli', 'server', 'operations', 'journal'].map(targetIn)),
  ...arrows('pki', ROOMS.filter((room) => room !== 'pki').map(targetIn)),
  ...arrows('pki', ['node:fs', 'node:fs/promises', 'node:net', 'node:https', 'node:child_process', 'node:os']),
  ...arrows('pki', ['node:timers/promises', 'commander', 'undici']),
  ...ROOMS.flatMap((room) => arrows(room, ['pkcs11js', 'index', 'not-there'])),
  ...ROOMS.filter((room) => room !== 'cli').flatMap((room) => arrows(room, ['commander'])),
]

const PERMITTED: readonly Arrow[] = [
  ...arrows('cli', ['operations/target', 'config/target', 'machine/target', 'storage/input-file', 'commander']),
  ...arrows('operations', ['journal/target', 'directory/target', 'factory/target', 'pki/target', 'errors']),
  ...arrows('factory', ['pki/target', 'signer/x509/target', 'config/oauth-client']),
  ...arrows('factory/http', ['undici', 'node:tls']),
  ...arrows('server', ['operations/target', 'fastify', 'node:http']),
  ...arrows('signer', ['pki/target', 'errors', 'node:crypto']),
  ...arrows('signer/pkcs11', ['pkcs11js', 'pki/target', 'signer/target', 'node:fs']),
  ...arrows('directory', ['storage/target', 'errors']),
  ...arrows('storage', ['node:fs/promises', 'node:child_process']),
  ...arrows('pki', ['errors', 'node:crypto']),
]

/** The ways to import; a rule that overlooks one of them is of no use. oxlint refuses one more, `import('…')` as a type. */
const FORMS: Readonly<Record<string, (to: string) => string>> = {
  import: (to) => `import * as it from '${to}'\nexport const probe = it\n`,
  'import type': (to) => `import type * as it from '${to}'\nexport type Probe = typeof it\n`,
  'await import': (to) => `export const probe = await import('${to}')\n`,
  'export *': (to) => `export * from '${to}'\n`,
  'export type': (to) => `export type * from '${to}'\n`,
}

/** What the pure room may not even name. */
const GLOBALS = ['fetch("https://x.example")', 'process.env', 'setTimeout(() => undefined, 1)']

function targetIn(room: string): string {
  return `${room}/target`
}

function arrows(from: string, to: readonly string[]): readonly Arrow[] {
  return to.map((one) => [from, one])
}

function isOfSrc(to: string): boolean {
  return /^([a-z0-9-]+\/)*(target|input-file|oauth-client|errors|index|not-there)$/.test(to)
}

function nameIn(from: string, to: string, form: string): string {
  return `src/${from}/probe-${`${form}-${to}`.replace(/\W+/g, '-')}.ts`
}

function probe([from, to]: Arrow, form: (to: string) => string): string {
  return form(isOfSrc(to) ? `${'../'.repeat(from.split('/').length)}${to}.js` : to)
}

async function write(folder: string, name: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, name), text)
}

/** Has `use` work in a project that has the rules of this checkout, and no module. */
async function inProject<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fpki-architecture-'))
  try {
    for (const name of ['biome.json', '.oxlintrc.json', '.dependency-cruiser.mjs', 'package.json', 'tsconfig.json']) {
      await cp(join(CHECKOUT, name), join(folder, name))
    }
    await symlink(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'))
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Cruise {
  readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[]
}

async function cruise(folder: string): Promise<Cruise> {
  const words = ['src', '--output-type', 'json']
  const { stdout } = await runProgram(join(CHECKOUT, 'node_modules/.bin/depcruise'), words, { cwd: folder })
  const { summary }: { summary: Cruise } = JSON.parse(stdout)
  return summary
}

describe('the rules of imports', () => {
  let refused: ReadonlySet<string>

  beforeAll(async () => {
    refused = await inProject(async (folder) => {
      const targets = new Set([...FORBIDDEN, ...PERMITTED].map(([, to]) => to).filter(isOfSrc))
      targets.delete('not-there')
      for (const to of targets) await write(folder, `src/${to}.ts`, 'export const target = 1\n')
      for (const arrow of [...FORBIDDEN, ...PERMITTED]) {
        for (const [name, form] of Object.entries(FORMS)) {
          await write(folder, nameIn(...arrow, name), probe(arrow, form))
        }
      }
      return new Set((await cruise(folder)).violations.map(({ from }) => from))
    })
  })

  test.each(FORBIDDEN)('%s may not import %s, in any form', (from, to) => {
    expect(Object.keys(FORMS).filter((form) => !refused.has(nameIn(from, to, form)))).toEqual([])
  })

  test.each(PERMITTED)('%s may import %s', (from, to) => {
    expect(Object.keys(FORMS).filter((form) => refused.has(nameIn(from, to, form)))).toEqual([])
  })

  test('refuse a cycle of any kind of import', async () => {
    const violations = await inProject(async (folder) => {
      for (const [index, form] of Object.values(FORMS).entries()) {
        await write(folder, `src/pki/there-${index}.ts`, form(`./back-${index}.js`))
        await write(folder, `src/pki/back-${index}.ts`, `export * from './there-${index}.js'\n`)
      }
      return (await cruise(folder)).violations
    })
    expect(new Set(violations.map(({ rule }) => rule.name))).toEqual(new Set(['no-circle']))
    const numbers = violations.map(({ from }) => /(\d+)[.]ts$/.exec(from)?.[1])
    expect(numbers.toSorted()).toEqual(Object.keys(FORMS).map((_, index) => `${index}`))
  })

  test('know every room of the source', async () => {
    const entries = await readdir(join(CHECKOUT, 'src'), { withFileTypes: true })
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
    expect(folders.filter((name) => !ROOMS.includes(name))).toEqual([])
  })
})

test('a type may not be imported where it is used, which the rules of imports do not see', async () => {
  const { stdout } = await inProject(async (folder) => {
    await write(folder, 'src/pki/target.ts', 'export type Target = 1\n')
    await write(folder, 'src/pki/probe.ts', "export type Probe = import('./target.js').Target\n")
    return runProgram(join(CHECKOUT, 'node_modules/.bin/oxlint'), ['--format', 'json', 'src'], { cwd: folder })
  })
  const { diagnostics }: { diagnostics: { code: string; filename: string }[] } = JSON.parse(stdout)
  expect(diagnostics.map(({ code, filename }) => [code, filename])).toEqual([
    ['typescript(consistent-type-imports)', 'src/pki/probe.ts'],
  ])
})

test.each(GLOBALS)('pki may not use %s', async (statement) => {
  const rules = await inProject(async (folder) => {
    await write(folder, 'src/pki/probe.ts', `export const probe = ${statement}\n`)
    const words = ['lint', '--reporter=json', 'src']
    const { stdout } = await runProgram(join(CHECKOUT, 'node_modules/.bin/biome'), words, { cwd: folder })
    const { diagnostics }: { diagnostics: { category: string }[] } = JSON.parse(stdout)
    return diagnostics.map(({ category }) => category)
  })
  expect(rules).toContain('lint/style/noRestrictedGlobals')
})

describe('every source file', async () => {
  const names = (await readdir(join(CHECKOUT, 'src'), { recursive: true })).filter((name) => name.endsWith('.ts'))
  const texts = await Promise.all(names.map((name) => readFile(join(CHECKOUT, 'src', name), 'utf8')))
  const withText = names.map((name, index) => ({ name, text: texts[index] ?? '' }))

  test('exists', () => {
    expect(names).toEqual(expect.arrayContaining(['index.ts', 'cli/run.ts', 'operations/create/create-pki.ts']))
  })

  test('leaves exiting the process to bin', () => {
    expect(withText.filter(({ text }) => text.includes('process.exit(')).map(({ name }) => name)).toEqual([])
  })

  const filesWith = (pattern: RegExp) => withText.filter(({ text }) => pattern.test(text)).map(({ name }) => name)

  test('that vouches for octets to be signed is one of those that check them', () => {
    expect(filesWith(/as CheckedOctets/).sort()).toEqual([
      'pki/check-crl.ts',
      'pki/check-csr.ts',
      'pki/check-device-crl.ts',
      'pki/check-device.ts',
      'pki/check.ts',
      'pki/ocsp/check-response.ts',
      'pki/statement.ts',
    ])
  })

  test('that loads @peculiar/x509 or reflect-metadata is the one that loads them on first use', () => {
    const loads =
      /^import (?!type ).*'(@peculiar\/x509|reflect-metadata)'|import\('(@peculiar\/x509|reflect-metadata)'\)/m
    expect(filesWith(loads)).toEqual(['signer/x509/library.ts'])
  })

  test('has no state of its own', () => {
    expect(withText.filter(({ text }) => /^(export )?(let|var) /m.test(text)).map(({ name }) => name)).toEqual([])
  })
})
