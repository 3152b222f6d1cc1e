// Measures a source tree and prints one row of the table in docs/architecture.md:
//
//   node scripts/figures.mjs [--root DIR] [--revision REV]
//
// DIR has the folders src and test; the default is this checkout. With --revision, its git revision REV is measured.
// - Lines per function: functions, methods and arrow functions that have a block as their body, with those inside them.
// - Comment share: lines with nothing but a comment, of all lines that are not blank.
// - Exports per file: exported names and types; `export * from` counts as one.
// - Test lines per source line: TypeScript files in test, without test/fixtures, over those in src.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { parseSync, Visitor } from 'oxc-parser'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))

async function readTree(folder) {
  const names = (await readdir(folder, { recursive: true })).filter(
    (name) => name.endsWith('.ts') && !name.startsWith('fixtures/'),
  )
  return Promise.all(names.sort().map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })))
}

function linesOf(text) {
  return text.trimEnd().split('\n')
}

/** The functions, exports and comment lines of one file. */
function measureFile({ name, text }) {
  const { program, comments, module, errors } = parseSync(name, text)
  if (errors.length > 0) throw new Error(`${name}: ${errors[0].message}`)
  const functions = []
  const add = (node) => {
    if (node.body?.type === 'BlockStatement') functions.push(text.slice(node.start, node.end).split('\n').length)
  }
  new Visitor({ FunctionDeclaration: add, FunctionExpression: add, ArrowFunctionExpression: add }).visit(program)
  const code = comments.reduceRight((rest, { start, end }) => rest.slice(0, start) + blank(rest, start, end), text)
  const notBlank = (lines) => lines.filter((line) => line.trim() !== '').length
  return {
    lines: linesOf(text).length,
    functions,
    exports: module.staticExports.flatMap(({ entries }) => entries).length,
    filled: notBlank(text.split('\n')),
    comments: notBlank(text.split('\n')) - notBlank(code.split('\n')),
  }
}

/** `text` from `start` on, in which what is before `end` is replaced by spaces. */
function blank(text, start, end) {
  return text.slice(start, end).replace(/[^\n]/g, ' ') + text.slice(end)
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)]
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

function medianAndMax(numbers) {
  return `${median(numbers)} / ${Math.max(...numbers)}`
}

/** The row for the tree in `root`, named `name`. */
async function row(name, root) {
  const files = (await readTree(join(root, 'src'))).map(measureFile)
  if (files.length === 0) throw new Error(`${join(root, 'src')}: no TypeScript files`)
  const tests = (await readTree(join(root, 'test'))).map(({ text }) => linesOf(text).length)
  const total = (field) => sum(files.map((file) => file[field]))
  const cells = [
    name,
    files.length,
    medianAndMax(files.map(({ lines }) => lines)),
    medianAndMax(files.flatMap(({ functions }) => functions)),
    `${Math.round((100 * total('comments')) / total('filled'))} %`,
    median(files.map((file) => file.exports)),
    (sum(tests) / total('lines')).toFixed(1),
  ]
  return `| ${cells.join(' | ')} |`
}

/** Has `use` work on the git revision `revision` of `root`, unpacked into a temporary folder. */
async function withRevision(root, revision, use) {
  const folder = await mkdtemp(join(tmpdir(), 'fpki-figures-'))
  try {
    const run = promisify(execFile)
    const archive = join(folder, 'tree.tar')
    await run('git', ['-C', root, 'archive', '--output', archive, revision, 'src', 'test'])
    await run('tar', ['-xf', archive, '-C', folder])
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const { values } = parseArgs({
  options: { root: { type: 'string', default: CHECKOUT }, revision: { type: 'string' } },
})
const { root, revision } = values
console.log(
  revision === undefined
    ? await row('fpki', root)
    : await withRevision(root, revision, (folder) => row(`fpki at ${revision}`, folder)),
)
