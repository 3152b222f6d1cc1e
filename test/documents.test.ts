import { access, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { EXIT, EXIT_DEFECT } from '../src/cli/exit.js'
import { OWN_FILES, OWN_FOLDER, PKI_FILES } from '../src/directory/names.js'
import { CODES } from '../src/operations/verify/codes.js'
import { allCodes } from '../src/pki/lint/index.js'
import { copiedPki } from './cli/made.js'
import { newHome } from './support/cli.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))
const names = ['.', 'docs'].map(async (folder) =>
  (await readdir(join(CHECKOUT, folder))).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)),
)
const DOCUMENTS = (await Promise.all(names)).flat()

function read(name: string): Promise<string> {
  return readFile(join(CHECKOUT, name), 'utf8')
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** The lines of a document that a person would type and that begin with fpki, without what the shell does with them. */
async function commandsIn(name: string): Promise<readonly string[]> {
  const blocks = [...(await read(name)).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
  const lines = blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
  return lines.map((line) => line.replace(/\s*(#|>|\||&&).*$/, '').trim()).filter((line) => line.startsWith('fpki '))
}

describe.each(DOCUMENTS)('%s', (name) => {
  test('links to files that are there', async () => {
    const text = (await read(name)).replace(/^```[\s\S]*?^```/gm, '')
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link = '']) => link)
    for (const link of links.filter((target) => !/^[a-z]+:/.test(target))) {
      await expect(access(join(CHECKOUT, dirname(name), link)), link).resolves.toBeUndefined()
    }
  })

  test('links to headings that exist', async () => {
    const text = (await read(name)).replace(/^```[\s\S]*?^```/gm, '')
    for (const [, file = '', anchor = ''] of text.matchAll(/\]\(([^)#\s:]*)#([^)]+)\)/g)) {
      const target = file === '' ? name : join(dirname(name), file)
      const headings = (await read(target)).replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)
      expect(
        [...headings].map(([, heading = '']) => anchorOf(heading)),
        target,
      ).toContain(anchor)
    }
  })

  test('names commands and flags that there are', async () => {
    const home = await newHome()
    for (const line of await commandsIn(name)) {
      const [, words = '', rest = ''] = /^fpki (api token \w+|\S+(?: [^-\s]\S*)?)(.*)$/.exec(line) ?? []
      const { status, stdout: help } = await home.fpki([...words.split(' '), '--help'])
      expect({ line, status }).toEqual({ line, status: 0 })
      for (const [flag] of rest.matchAll(/--[a-z][a-z0-9-]*/g)) expect(help).toMatch(new RegExp(`${flag}\\b`))
    }
  })
})

test('docs/exit-codes.md has every exit code, and every error code with the right one', async () => {
  const text = await read('docs/exit-codes.md')
  const [overview = '', ...sections] = text.split(/^\| code of exit /m)
  const partOf = (status: number) => {
    const rows = overview.split('\n').filter((row) => new RegExp(`^\\| [\\d, ]*\\b${status}\\b`).test(row))
    return [...rows, ...sections.filter((section) => section.startsWith(`${status} `))].join('\n')
  }
  for (const [code, status] of [...Object.entries(EXIT), ['ERR_DEFECT', EXIT_DEFECT] as const]) {
    expect(partOf(status), `exit ${status}`).toContain(`\`${code}\``)
  }
  const told = [...text.matchAll(/`(ERR_[A-Z_]+)`/g)].map(([, code]) => code)
  expect(told.filter((code) => code !== undefined && code !== 'ERR_DEFECT' && !(code in EXIT))).toEqual([])
})

test('docs/verify.md has every code of `ca verify` under the heading of its group, every metric, and nothing else', async () => {
  const text = await read('docs/verify.md')
  const codes = text.split(/^### /m).flatMap((section) => {
    const [, group] = /^.*\(`([a-z-]+)`\)\n/.exec(section) ?? []
    const items = [...section.matchAll(/^- `([a-z-]+\.[a-z-]+)` \((\w+)\): \w/gm)]
    return items.map(([, code, status]) => ({ group, code, status }))
  })
  expect(codes).toEqual(
    Object.entries(CODES).map(([code, { status }]) => ({ group: code.split('.')[0], code, status })),
  )
  const { home } = await copiedPki()
  const { stdout } = await home.fpki(['ca', 'status', '--prometheus'])
  const metrics = [...stdout.matchAll(/^# TYPE (\w+)/gm)].map(([, metric = '']) => metric)
  expect([...new Set(text.match(/fpki_(certificate|pki|status)_\w+/g))].sort()).toEqual(metrics.sort())
})

test('docs/lint.md has every code of lint, with its severity and its source, and no other', async () => {
  const rows = [
    ...(await read('docs/lint.md')).matchAll(/^\| `([a-z0-9-]+)` \| (\w+)(?:, (\w+) for a root)? \| .+ \| (.+) \|$/gm),
  ]
  const found = rows.map(([, code, severity, onRoot = severity, cite]) => ({ code, severity, onRoot, cite }))
  expect(found).toEqual(allCodes())
})

test('docs/hierarchy.md names every file of a PKI directory', async () => {
  const text = await read('docs/hierarchy.md')
  const own = Object.values(OWN_FILES).map((name) => `${OWN_FOLDER}/${name}`)
  for (const name of [...Object.values(PKI_FILES), ...own]) expect(text).toContain(`\`${name}\``)
})

test('README.md has the two lines: one that makes a PKI, one that CI runs', async () => {
  const readme = await read('README.md')
  expect(readme).toMatch(/^npm .* && node bin\/fpki\.js ca create "\$HOME\/\w+"$/m)
  expect(readme).toMatch(/&& npm test$/m)
  expect(await read('.ci/run')).toContain('README.md')
})
