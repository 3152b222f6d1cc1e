import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { runProgram } from './support/cli.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))

/** Where an import stands, and what it asks for. */
type Arrow = readonly [from: string, to: string]

/** Each points back, sideways, or out of a room that must be pure (docs/architecture.md). */
const FORBIDDEN: readonly Arrow[] = [
  ...arrows('pki', [
    '../signer/file',
    '../directory/files',
    '../factory/api',
    '../config/settings',
    '../machine/index',
  ]),
  ...arrows('pki', ['../operations/create-pki', '../cli/output', '../factory/embedded/rules', 'commander']),
  ...arrows('pki', ['node:fs', 'node:fs/promises', 'node:net', 'node:https', 'node:child_process', 'node:os']),
  ...arrows('signer', ['../factory/api', '../directory/files', '../operations/create-pki', '../cli/output']),
  ...arrows('signer', ['../config/settings', '../machine/index', 'commander']),
  ...arrows('directory', ['../signer/file', '../factory/api', '../operations/create-pki']),
  ...arrows('directory', ['../cli/output', '../config/settings', '../machine/index', 'commander']),
  ...arrows('factory', ['../directory/files', '../signer/file', '../operations/create-pki', '../cli/output']),
  ...arrows('factory', ['../signer/webcrypto', '../signer/pkcs11/signer']),
  ...arrows('factory/embedded', ['../../directory/files', '../../operations/show-pki', '../../machine/index']),
  ...arrows('operations', ['../cli/output', '../config/settings', '../machine/index', 'commander', 'node:fs/promises']),
  ...arrows('config', ['../cli/output', '../operations/create-pki', '../machine/index']),
  ...arrows('cli', ['node:fs', 'node:fs/promises', 'node:crypto', 'node:https', 'asn1js']),
  ...arrows('cli/commands/ca', ['node:fs/promises', 'node:crypto']),
  ...['pki', 'signer', 'directory', 'factory', 'operations', 'config', 'cli'].flatMap((room) =>
    arrows(room, ['pkcs11js']),
  ),
  ...arrows('signer/pkcs11', ['../../operations/create-pki', '../../cli/output', '../../directory/files', 'commander']),
]

const PERMITTED: readonly Arrow[] = [
  ...arrows('cli', ['../operations/create-pki', '../config/settings', '../machine/index', 'commander']),
  ...arrows('operations', ['../pki/pem', '../signer/file', '../directory/files', '../factory/api', '../errors']),
  ...arrows('factory', ['../pki/pem', '../ports', '../signer/x509/csr']),
  ...arrows('factory/embedded', ['../../signer/x509/csr']),
  ...arrows('signer', ['../pki/public-key', '../errors', 'node:crypto']),
  ...arrows('signer/pkcs11', ['pkcs11js', '../../pki/public-key', '../../errors', '../file']),
  ...arrows('directory', ['../errors', '../ports', 'node:fs/promises']),
  ...arrows('pki', ['../errors', '../ports', 'node:crypto']),
]

/** The ways to import; a rule that overlooks one of them holds nothing. */
const FORMS: Readonly<Record<string, (to: string) => string>> = {
  import: (to) => `import * as it from '${to}'\nexport const probe = it\n`,
  'import type': (to) => `import type * as it from '${to}'\nexport type Probe = typeof it\n`,
  'await import': (to) => `export const probe = await import('${to}')\n`,
  'export *': (to) => `export * from '${to}'\n`,
}

/** What the pure room may not even name. */
const GLOBALS = ['fetch("https://x.example")', 'process.env', 'setTimeout(() => undefined, 1)']

/** What Biome complains of: the file and the rule. */
let complaints: ReadonlySet<string>

function isRefused(name: string, rule = 'noRestrictedImports'): boolean {
  return complaints.has(`${name} lint/style/${rule}`)
}

function arrows(from: string, to: readonly string[]): readonly Arrow[] {
  return to.map((one) => [from, one.startsWith('..') ? `${one}.js` : one])
}

function probeName(from: string, to: string, form: string): string {
  return `src/${from}/probe-${`${form}-${to}`.replace(/\W+/g, '-')}.ts`
}

/** Lints one probe for each arrow and form in a copy of the checkout's rules, all at once. */
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fpki-architecture-'))
  try {
    await cp(join(CHECKOUT, 'biome.json'), join(folder, 'biome.json'))
    for (const [from, to] of [...FORBIDDEN, ...PERMITTED]) {
      for (const [form, text] of Object.entries(FORMS)) await probe(folder, probeName(from, to, form), text(to))
    }
    for (const name of GLOBALS) await probe(folder, probeName('pki', name, 'global'), `export const probe = ${name}\n`)
    complaints = await lint(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
})

async function probe(folder: string, name: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, name), text)
}

async function lint(folder: string): Promise<ReadonlySet<string>> {
  const words = ['lint', '--reporter=json', '--max-diagnostics=none', '.']
  const { stdout } = await runProgram(join(CHECKOUT, 'node_modules/.bin/biome'), words, { cwd: folder })
  const { diagnostics }: { diagnostics: { category: string; location: { path: string } }[] } = JSON.parse(stdout)
  return new Set(diagnostics.map(({ category, location }) => `${location.path} ${category}`))
}

describe('the lint rule holds the direction of imports', () => {
  test.each(FORBIDDEN)('%s may not import %s, in any form', (from, to) => {
    expect(Object.keys(FORMS).filter((form) => !isRefused(probeName(from, to, form)))).toEqual([])
  })

  test.each(PERMITTED)('%s may import %s', (from, to) => {
    expect(Object.keys(FORMS).filter((form) => isRefused(probeName(from, to, form)))).toEqual([])
  })

  test.each(GLOBALS)('pki may not use %s', (name) => {
    expect(isRefused(probeName('pki', name, 'global'), 'noRestrictedGlobals')).toBe(true)
  })
})

describe('every source file', async () => {
  const names = (await readdir(join(CHECKOUT, 'src'), { recursive: true })).filter((name) => name.endsWith('.ts'))
  const texts = await Promise.all(names.map((name) => readFile(join(CHECKOUT, 'src', name), 'utf8')))
  const withText = names.map((name, index) => ({ name, text: texts[index] ?? '' }))

  test('is there', () => {
    expect(names).toEqual(expect.arrayContaining(['index.ts', 'cli/run.ts', 'operations/create/create-pki.ts']))
  })

  test('leaves the ending of the process to bin', () => {
    expect(withText.filter(({ text }) => text.includes('process.exit(')).map(({ name }) => name)).toEqual([])
  })

  const filesWith = (pattern: RegExp) => withText.filter(({ text }) => pattern.test(text)).map(({ name }) => name)

  test('that vouches for octets to be signed is one of those that check them', () => {
    expect(filesWith(/as CheckedOctets/).sort()).toEqual([
      'pki/check-crl.ts',
      'pki/check-csr.ts',
      'pki/check.ts',
      'pki/statement.ts',
    ])
  })

  test('that loads @peculiar/x509 or reflect-metadata is the one that loads them when something is made', () => {
    const loads =
      /^import (?!type ).*'(@peculiar\/x509|reflect-metadata)'|import\('(@peculiar\/x509|reflect-metadata)'\)/m
    expect(filesWith(loads)).toEqual(['signer/x509/library.ts'])
  })

  test('holds no state of its own', () => {
    expect(withText.filter(({ text }) => /^(export )?(let|var) /m.test(text)).map(({ name }) => name)).toEqual([])
  })
})
