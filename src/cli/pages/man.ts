import { VERSION } from '../../version.js'
import { type Block, capitalize, type Page, type Section } from './page.js'

/** Renders manual pages (man(7)), each with its file name, such as `fpki-ca-create.1`. */
export function manPages(pages: readonly Page[]): readonly (readonly [file: string, content: string])[] {
  return pages.map((page) => [`${page.name}.1`, manPage(page)])
}

function manPage({ name, words, summary, usage, sections }: Page): string {
  const command = words.join(' ')
  return [
    `.TH ${roff(name.toUpperCase())} 1 "" "fpki ${VERSION}" "fpki"`,
    // Hyphenated or stretched literals are hard to copy.
    '.nh',
    '.ad l',
    '.SH NAME',
    `${roff(name)} \\- ${inline(summary)}`,
    '.SH SYNOPSIS',
    `${bold(command)}${roff(usage.slice(command.length))}`,
    ...sections.flatMap(section),
    '',
  ].join('\n')
}

function section({ title, blocks }: Section): readonly string[] {
  const [first = [], ...rest] = blocks.map(block)
  return [`.SH ${title.toUpperCase()}`, ...first, ...rest.flatMap((lines) => ['.PP', ...lines])]
}

function block(content: Block): readonly string[] {
  if (content.kind === 'text') return [inline(content.text)]
  if (content.kind === 'code') return ['.RS 2', '.nf', ...content.lines.map(roff), '.fi', '.RE']
  if (content.kind === 'pages') return [content.names.map((name) => `${bold(name)}(1)`).join(',\n')]
  return content.rows.flatMap(([term, meaning]) => ['.TP', bold(term), inline(capitalize(meaning)) || '\\&'])
}

/** Text in which code between backticks is bold. */
function inline(text: string): string {
  const parts = text.split(/(`[^`]*`)/)
  return guard(parts.map((part, at) => (at % 2 === 1 ? bold(part.slice(1, -1)) : escapeText(part))).join(''))
}

function bold(text: string): string {
  return `\\fB${escapeText(text)}\\fR`
}

function roff(text: string): string {
  return guard(escapeText(text))
}

/** Keeps a line from starting a request. */
function guard(text: string): string {
  return text.replace(/^(?=\.)/gm, '\\&')
}

/** Characters that roff would interpret, or typeset as a character that is useless in a shell. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
}

function escapeText(text: string): string {
  return text
    .replace(/[\\'`^~-]/g, (character) => ESCAPES[character] ?? character)
    .replace(/\P{ASCII}/gu, (character) => {
      const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase()
      return `\\[u${hex.padStart(4, '0')}]`
    })
}
