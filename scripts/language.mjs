// Reports the words and phrases of scripts/terms.mjs in Markdown, and in the strings of TypeScript (messages and help):
//
//   node scripts/language.mjs [FILES AND FOLDERS...]
//
// The default is all documentation and src. Exits with 1 when it reported something.
import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { TextlintKernel } from '@textlint/kernel'
import markdown from '@textlint/textlint-plugin-markdown'
import { parseSync, Visitor } from 'oxc-parser'
import terminology from 'textlint-rule-terminology'
import { TERMS } from './terms.mjs'

/** docs/cli.md is made from the strings in src/cli/words. */
const GENERATED = ['docs/cli.md']

/** The documents and the source; a folder is read with all that is in it. */
const DEFAULT = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs', 'src']

/** Where each line of `text` begins. */
function lineStarts(text) {
  return [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
}

/** What textlint reads of TypeScript: a paragraph for each string that has more than one word. */
class Strings {
  availableExtensions() {
    return ['.ts']
  }

  processor() {
    return { preProcess: readStrings, postProcess: (messages, filePath) => ({ messages, filePath }) }
  }
}

function readStrings(text, path) {
  const starts = lineStarts(text)
  const place = (offset) => {
    const line = starts.findLastIndex((start) => start <= offset)
    return { line: line + 1, column: offset - starts[line] }
  }
  const node = (type, start, end, children) => ({
    type,
    raw: text.slice(start, end),
    range: [start, end],
    loc: { start: place(start), end: place(end) },
    ...(children === undefined ? { value: text.slice(start, end) } : { children }),
  })
  const paragraphs = []
  const add = (start, end) => {
    if (/\s/.test(text.slice(start, end))) {
      paragraphs.push(node('Paragraph', start, end, [node('Str', start, end)]))
    }
  }
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`)
  new Visitor({
    Literal: ({ value, start, end }) => typeof value === 'string' && add(start + 1, end - 1),
    // In TypeScript, `start` is that of the backtick or brace before the text.
    TemplateElement: ({ value, start }) => add(start + 1, start + 1 + value.raw.length),
  }).visit(program)
  return node('Document', 0, text.length, paragraphs)
}

async function filesOf(path) {
  if (!(await stat(path)).isDirectory()) return [path]
  const names = await readdir(path, { recursive: true })
  return names.filter((name) => /\.(md|ts)$/.test(name)).map((name) => join(path, name))
}

const kernel = new TextlintKernel()

async function lint(path) {
  const { messages } = await kernel.lintText(await readFile(path, 'utf8'), {
    filePath: path,
    ext: extname(path),
    plugins: [
      { pluginId: 'markdown', plugin: markdown.default ?? markdown, options: true },
      { pluginId: 'strings', plugin: { Processor: Strings }, options: true },
    ],
    rules: [
      {
        ruleId: 'terminology',
        rule: terminology,
        options: { defaultTerms: false, terms: TERMS, skip: [] },
      },
    ],
  })
  return messages.map(({ line, column, message }) => `${path}:${line}:${column}: ${message.replaceAll('\n', ' ')}`)
}

const given = process.argv.slice(2)
const paths = (await Promise.all((given.length > 0 ? given : DEFAULT).map(filesOf))).flat()
const found = (await Promise.all(paths.filter((path) => !GENERATED.includes(path)).map(lint))).flat()
for (const line of found) console.log(line)
process.exitCode = found.length > 0 ? 1 : 0
