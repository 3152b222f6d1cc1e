import { escapeCharacters } from '../../printable.js'
import { stateText } from '../show/hierarchy.js'
import { hierarchyMermaid } from '../show/picture-mermaid.js'
import { shownText } from '../show/picture-text.js'
import type { Block, Cell, Fact, ReportDocument } from './document.js'

/** A report as Markdown (GitHub's), with the hierarchy as Mermaid. */
export function reportMarkdown({ title, sections }: ReportDocument): string {
  const parts = sections.flatMap((section) => [`## ${escaped(section.title)}`, ...section.blocks.map(block)])
  return `${[`# ${escaped(title)}`, ...parts].join('\n\n')}\n`
}

/**
 * Untrusted text: what could be markup, a link or a mention is escaped. Backslashes are valid before all ASCII punctuation
 * (CommonMark, section 2.4), but Git forges look for mentions when they are gone, so `@` becomes `\u0040`.
 */
function escaped(text: string): string {
  return escapeCharacters(shownText(text), /@/g).replace(
    /[\\`*_{}[\]<>&|#~$!]|:(?=\/\/)|(?<=\bwww)\.|^(?:[-+=]|\d+(?=[.)]))/g,
    (character) => (/^\d/.test(character) ? `${character}\\` : `\\${character}`),
  )
}

function block(one: Block): string {
  switch (one.kind) {
    case 'text':
      return prose(one.text)
    case 'facts':
      return facts(one.facts)
    case 'table':
      return table(one.columns, one.rows)
    case 'record':
      return `### ${escaped(one.title.text)}\n\n${facts(one.facts)}`
    case 'picture':
      return `\`\`\`mermaid\n${hierarchyMermaid(one.hierarchy)}\`\`\``
    case 'timeline':
      return table(
        ['Certificate', 'Valid from', 'Valid until', 'State'],
        one.rows.map((row) => [row.name, row.notBefore, row.notAfter, stateText(row)].map((text) => ({ text }))),
      )
  }
}

function facts(all: readonly Fact[]): string {
  return all.map(([name, value]) => `- ${escaped(name)}: ${cell(value)}`).join('\n')
}

function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(columns.map(escaped)), line(columns.map(() => '---')), ...rows.map((row) => line(row.map(cell)))].join(
    '\n',
  )
}

/** Hex, paths and base64 are set as code where nothing in them could end it. */
function cell({ text, style }: Cell): string {
  if (style === 'prose') return prose(text)
  return style === 'code' && CODE.test(text) ? `\`${text}\`` : escaped(text)
}

const CODE = /^[\w/+=:., -]+$/

/** Text with its commands as code, where nothing in them could end it. */
function prose(text: string): string {
  const parts = text.split(/`([^`]*)`/)
  return parts
    .map((part, at) => (at % 2 === 0 ? escaped(part) : CODE.test(part) ? `\`${part}\`` : escaped(`\`${part}\``)))
    .join('')
}
