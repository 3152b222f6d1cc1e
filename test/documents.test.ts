import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { EXIT, EXIT_DEFECT } from '../src/cli/exit.js'
import { REFUSAL_CODES } from '../src/devices/refusal.js'
import { OWN_FILES, OWN_FOLDER, PKI_FILES } from '../src/directory/names.js'
import { allCodes } from '../src/lint/index.js'
import { CODES } from '../src/operations/audit/verify/codes.js'
import { DEVICE, DEVICE_CA, type ProfileExtension, ROOT_CA, TLS_SERVER } from '../src/pki/profiles.js'
import { copiedPki } from './cli/made.js'
import { anchorsOf, brokenCitations } from './support/citations.js'
import { newHome } from './support/cli.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))
const names = ['.', 'docs'].map(async (folder) =>
  (await readdir(join(CHECKOUT, folder))).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)),
)
const DOCUMENTS = (await Promise.all(names)).flat()

function read(name: string): Promise<string> {
  return readFile(join(CHECKOUT, name), 'utf8')
}

/** The lines of a document that a person would type and that begin with fpki, without what the shell does with them. */
async function commandsIn(name: string): Promise<readonly string[]> {
  const blocks = [...(await read(name)).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
  const lines = blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
  return lines.map((line) => line.replace(/\s*(#|>|\||&&).*$/, '').trim()).filter((line) => line.startsWith('fpki '))
}

describe.each(DOCUMENTS)('%s', (name) => {
  test('names commands and flags that there are', async () => {
    const home = await newHome()
    for (const line of await commandsIn(name)) {
      const [, words = '', rest = ''] =
        /^fpki (api token \w+|devices store \w+|\S+(?: [^-\s]\S*)?)(.*)$/.exec(line) ?? []
      const { status, stdout: help } = await home.fpki([...words.split(' '), '--help'])
      expect({ line, status }).toEqual({ line, status: 0 })
      for (const [flag] of rest.matchAll(/--[a-z][a-z0-9-]*/g)) expect(help).toMatch(new RegExp(`${flag}\\b`))
    }
  })
})

/** What people read and what cites it: code, tests, scripts and documents. */
async function allTexts(): Promise<ReadonlyMap<string, string>> {
  const folders = ['src', 'bin', 'scripts', 'test', 'docs'].map(async (folder) => {
    const paths = await readdir(join(CHECKOUT, folder), { recursive: true })
    // `npm run test:runtimes` installs packages in its folder.
    const own = paths.map((path) => join(folder, path)).filter((path) => !path.includes('/node_modules/'))
    return own.filter((path) => /\.(ts|m?js|sh|md)$/.test(path))
  })
  const paths = [...DOCUMENTS, ...(await Promise.all(folders)).flat()]
  return new Map(await Promise.all(paths.map(async (path) => [path, await read(path)] as const)))
}

describe('citations', () => {
  const isInCheckout = (path: string) => existsSync(join(CHECKOUT, path))

  test('lead to a file and an anchor: those of code, messages, tests, scripts and documents', async () => {
    const texts = await allTexts()
    expect(texts.get('src/lint/rules/crls.ts')).toContain('docs/profile.md#crl')
    expect(brokenCitations(texts, isInCheckout)).toEqual([])
  })

  // Put together here, because the test above reads this file.
  const [md, profile, page] = ['.md', `docs/profile${'.md'}`, `docs/page${'.md'}`]
  const brokenIn = async (file: string, text: string) => {
    const texts = new Map([
      [profile, await read(profile)],
      [file, text],
    ])
    return brokenCitations(texts, (path) => texts.has(path) || isInCheckout(path))
  }

  test.each([
    ['src/a.ts', `cite: '${profile}#no-such-anchor; RFC 5280 4.2'`, `${profile}#no-such-anchor`],
    ['src/a.ts', `// ${profile}#crls, a heading there, which may be reworded`, `${profile}#crls`],
    ['src/a.ts', `/** A certificate (contract${md} 3). */`, `contract${md}`],
    ['src/a.ts', `// cli${md}, "Output": code names the path from the top`, `cli${md}`],
    [page, `[key ids](profile${md}#key-ids)`, `profile${md}#key-ids`],
    [page, `[the readme](README${md}): a link is relative`, `README${md}`],
    [page, '# One\n\n[two](#two)\n\n```sh\n# Two\n```', '#two'],
  ])('that lead nowhere are found: %s, %s', async (file, text, broken) => {
    expect(await brokenIn(file, text)).toEqual([`${file}: ${broken}`])
  })

  test.each([
    ['src/a.ts', `(${profile}#crl; RFC 5280), see docs/cli${md}, \`https://host.example/a${md}\``],
    [page, `## Two words\n[here](#two-words), [there](profile${md}#tls-crt), [up](../README${md} "t")`],
    [page, `profile${md}#root, ${profile}#root, and [one](https://host.example/b${md}#c)`],
  ])('that lead somewhere are not: %s, %s', async (file, text) => {
    expect(await brokenIn(file, text)).toEqual([])
  })

  test('name the anchors that GitHub gives to headings, where a document has none of its own', () => {
    const text = '# `ca show`: a [link](x), Größe & 3 things_\n## Again\n## Again ##\n'
    expect(anchorsOf(text)).toEqual(['ca-show-a-link-größe--3-things_', 'again', 'again-1'])
    expect(anchorsOf(`${text}<a id="fixed"></a>\n`)).toEqual(['fixed'])
  })

  test('of docs/profile.md name each of its anchors for one thing', async () => {
    const anchors = anchorsOf(await read(profile))
    expect(anchors).toContain('tls-crt')
    expect(anchors).toEqual([...new Set(anchors)])
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
  const found = rows.map(([, code, severity, onRoot = severity, cite = '']) => ({
    ...{ code, severity, onRoot },
    // A link there: as text it is a path in the repository.
    cite: cite.replace(/\[(profile\.md#[a-z0-9-]+)\]\(\1\)/, 'docs/$1'),
  }))
  expect(found).toEqual(allCodes())
})

test('docs/device-files.md has every refusal code, and no other', async () => {
  const [, section = ''] = (await read('docs/device-files.md')).split('### Refusal codes\n')
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  const codes = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, code]) => code))
  expect(codes.toSorted()).toEqual(REFUSAL_CODES.toSorted())
})

test('docs/profile.md has the profiles that certificates are checked against', async () => {
  const [, table = ''] = /^\| \| \[root\].*\n\|.*\n((?:\|.*\n)+)/m.exec(await read('docs/profile.md')) ?? []
  const rows = table.trim().split('\n')
  const cells = new Map(rows.map((row) => row.split('|').map((cell) => cell.trim())).map((row) => [row[1], row]))
  for (const [at, profile] of [ROOT_CA, DEVICE_CA, TLS_SERVER, DEVICE].entries()) {
    const cell = (name: string) => cells.get(name)?.[at + 2]
    expect(cell('years')).toBe(String(profile.years))
    const found = profile.extensions.map((spec) => [spec.type, cellOf(spec)])
    // A device's certificate has it or not.
    const named = [...cells.keys()].slice(1).filter((name = '') => !['absent', 'optional'].includes(cell(name) ?? ''))
    expect(named.map((name = '') => [name, cell(name)])).toEqual(found)
  }
})

/** An extension in the words of the table. */
function cellOf(spec: ProfileExtension): string {
  switch (spec.type) {
    case 'keyUsage':
      return spec.usages.join(', ')
    case 'extKeyUsage':
      return spec.purposes.join(', ')
    case 'basicConstraints':
      return spec.pathLenConstraint === null ? 'CA' : `CA, path length ${spec.pathLenConstraint}`
    case 'subjectAltName':
      return 'names of the request'
    default:
      return 'present'
  }
}

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
